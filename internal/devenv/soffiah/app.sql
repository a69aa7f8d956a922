-- The application database of Soffiah. Links between tables are plain foreign
-- keys without an action, as applications usually have them: whoever deletes
-- must know the order.

CREATE TABLE accounts (
	id                 uuid PRIMARY KEY,
	account_name       text NOT NULL UNIQUE,
	email              text NOT NULL UNIQUE,
	full_name          text NOT NULL,
	phone              text,
	company_name       text NOT NULL,
	business_id        text NOT NULL, -- SIREN
	mailing_address    text NOT NULL,
	password_hash      text NOT NULL,
	language           text NOT NULL,
	storage_prefix     text NOT NULL UNIQUE, -- where the account's files are in the object store
	avatar_upload_id   uuid, -- see the end: accounts and uploads refer to each other
	access_disabled_at timestamptz,
	created_at         timestamptz NOT NULL
);
CREATE INDEX accounts_business_id ON accounts (business_id);
CREATE INDEX accounts_mailing_address ON accounts (mailing_address);

CREATE TABLE brands (
	id         uuid PRIMARY KEY,
	account_id uuid NOT NULL REFERENCES accounts,
	name       text NOT NULL,
	website    text NOT NULL,
	created_at timestamptz NOT NULL
);
CREATE INDEX brands_account_id ON brands (account_id);

CREATE TABLE uploads (
	id         uuid PRIMARY KEY,
	account_id uuid NOT NULL REFERENCES accounts,
	brand_id   uuid REFERENCES brands,
	object_key text NOT NULL UNIQUE,
	file_name  text NOT NULL,
	media_type text NOT NULL,
	size_bytes bigint NOT NULL,
	created_at timestamptz NOT NULL
);
CREATE INDEX uploads_account_id ON uploads (account_id);
CREATE INDEX uploads_brand_id ON uploads (brand_id);

CREATE TABLE posts (
	id              uuid PRIMARY KEY,
	account_id      uuid NOT NULL REFERENCES accounts,
	brand_id        uuid REFERENCES brands,
	cover_upload_id uuid REFERENCES uploads,
	title           text NOT NULL,
	body            text NOT NULL,
	published_at    timestamptz NOT NULL
);
CREATE INDEX posts_account_id ON posts (account_id);
CREATE INDEX posts_brand_id ON posts (brand_id);
CREATE INDEX posts_cover_upload_id ON posts (cover_upload_id);

CREATE TABLE comments (
	id                uuid PRIMARY KEY,
	post_id           uuid NOT NULL REFERENCES posts,
	account_id        uuid NOT NULL REFERENCES accounts,
	parent_comment_id uuid REFERENCES comments,
	body              text NOT NULL,
	created_at        timestamptz NOT NULL
);
CREATE INDEX comments_account_id ON comments (account_id);
CREATE INDEX comments_post_id ON comments (post_id);
CREATE INDEX comments_parent_comment_id ON comments (parent_comment_id);

CREATE TABLE feedback (
	id         uuid PRIMARY KEY,
	account_id uuid NOT NULL REFERENCES accounts,
	rating     int NOT NULL,
	message    text NOT NULL,
	created_at timestamptz NOT NULL
);
CREATE INDEX feedback_account_id ON feedback (account_id);

CREATE TABLE devices (
	id               uuid PRIMARY KEY,
	account_id       uuid NOT NULL REFERENCES accounts,
	name             text NOT NULL,
	operating_system text NOT NULL,
	browser          text NOT NULL,
	first_seen_at    timestamptz NOT NULL
);
CREATE INDEX devices_account_id ON devices (account_id);

CREATE TABLE sessions (
	id           uuid PRIMARY KEY,
	account_id   uuid NOT NULL REFERENCES accounts,
	device_id    uuid NOT NULL REFERENCES devices,
	token_hash   text NOT NULL,
	ip           inet NOT NULL,
	started_at   timestamptz NOT NULL,
	last_seen_at timestamptz NOT NULL
);
CREATE INDEX sessions_account_id ON sessions (account_id);
CREATE INDEX sessions_device_id ON sessions (device_id);

CREATE TABLE access_log (
	id         bigint PRIMARY KEY,
	account_id uuid NOT NULL REFERENCES accounts,
	session_id uuid REFERENCES sessions,
	ip         inet NOT NULL,
	user_agent text NOT NULL,
	method     text NOT NULL,
	path       text NOT NULL,
	status     int NOT NULL,
	at         timestamptz NOT NULL
);
CREATE INDEX access_log_account_id ON access_log (account_id);
CREATE INDEX access_log_session_id ON access_log (session_id);

-- Rows outlive their accounts, for statistics, without the link to a person.
CREATE TABLE usage_events (
	id         bigint PRIMARY KEY,
	account_id uuid REFERENCES accounts,
	event      text NOT NULL,
	feature    text NOT NULL,
	country    text NOT NULL,
	time_zone  text,
	ip         inet,
	user_agent text,
	at         timestamptz NOT NULL
);
CREATE INDEX usage_events_account_id ON usage_events (account_id);

CREATE TABLE cookies (
	id                 uuid PRIMARY KEY,
	account_id         uuid NOT NULL REFERENCES accounts,
	cookie_id          text NOT NULL,
	purpose            text NOT NULL,
	first_deposited_at timestamptz NOT NULL
);
CREATE INDEX cookies_account_id ON cookies (account_id);

CREATE TABLE social_messages (
	id         uuid PRIMARY KEY,
	account_id uuid NOT NULL REFERENCES accounts,
	network    text NOT NULL,
	handle     text NOT NULL,
	message    text NOT NULL,
	at         timestamptz NOT NULL
);
CREATE INDEX social_messages_account_id ON social_messages (account_id);

ALTER TABLE accounts ADD CONSTRAINT accounts_avatar_upload_id_fkey
	FOREIGN KEY (avatar_upload_id) REFERENCES uploads DEFERRABLE INITIALLY IMMEDIATE;
