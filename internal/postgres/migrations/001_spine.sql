-- What Habeas knows. Columns of type bytea that are described as sealed hold
-- personal data under the data key of their request (internal/vault); all other
-- columns hold ids, codes, counts and times only.

-- One row: which installation this database belongs to.
CREATE TABLE installation (
    only_one   boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    kind       text NOT NULL CHECK (kind IN ('production', 'demo')),
    -- random; mails carry it, so that one that comes back in a loop is known
    id         uuid NOT NULL DEFAULT gen_random_uuid(),
    -- tells the right master key from a wrong one without giving it away
    key_check  bytea NOT NULL,
    created_at timestamptz NOT NULL
);

-- Wrapped data keys. They stand in a table of their own so that it can be left
-- out of backups that live longer than the data may.
CREATE TABLE data_key (
    id         uuid PRIMARY KEY,
    wrapped    bytea NOT NULL,
    created_at timestamptz NOT NULL
);

CREATE TABLE request (
    id             uuid PRIMARY KEY,
    reference      text NOT NULL UNIQUE,
    invoked_right  text NOT NULL,
    state          text NOT NULL,
    attention      text NOT NULL DEFAULT '',
    paused         boolean NOT NULL DEFAULT false,
    outcome        text NOT NULL DEFAULT '',
    channel        text NOT NULL,
    policy_version text NOT NULL,
    received_at    timestamptz NOT NULL,
    due_at         timestamptz NOT NULL,
    ended_at       timestamptz,
    -- until when a reply can confirm; judged by the time at which the reply was received
    confirm_until  timestamptz,
    plan_id        uuid,
    -- key of what is sealed below; NULL when it was destroyed
    data_key_id    uuid REFERENCES data_key ON DELETE SET NULL,
    -- what the person filed (dsr.Intake), sealed
    intake         bytea,
    -- what was found about who they are (dsr.Account), sealed
    account        bytea,
    -- keyed digest of the submitter's idempotency key
    idempotency    bytea UNIQUE,
    -- keyed digest of the mail address, by which floods are noticed
    address        bytea,
    updated_at     timestamptz NOT NULL,
    CHECK ((ended_at IS NULL) = (state NOT IN ('completed', 'cancelled', 'refused', 'expired', 'closed')))
);
CREATE INDEX request_list ON request (received_at DESC, id DESC);
CREATE INDEX request_address ON request (address, received_at);
CREATE INDEX request_open ON request (due_at) WHERE ended_at IS NULL;

-- What happened to a request; append-only (see the trigger), chained by hash.
CREATE TABLE event (
    request_id uuid NOT NULL REFERENCES request,
    seq        integer NOT NULL CHECK (seq > 0),
    -- names the step that wrote it, so that a step repeated after a crash writes it once
    step       text NOT NULL,
    at         timestamptz NOT NULL,
    type       text NOT NULL,
    actor      text NOT NULL DEFAULT '',
    facts      jsonb NOT NULL DEFAULT '{}',
    hash       bytea NOT NULL,
    PRIMARY KEY (request_id, seq),
    UNIQUE (request_id, step)
);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END $$;
CREATE TRIGGER event_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON event
    EXECUTE FUNCTION refuse_change();

-- Mails on their way out. The message is complete and fixed before the first attempt.
CREATE TABLE outbox (
    id              uuid PRIMARY KEY,
    request_id      uuid NOT NULL REFERENCES request,
    purpose         text NOT NULL,
    -- 0 for the first recipient, 1 for the next known address, and so on
    recipient       integer NOT NULL DEFAULT 0,
    -- mailout.Message, sealed; NULL when its key was destroyed
    message         bytea,
    status          text NOT NULL CHECK (status IN ('queued', 'sent', 'failed', 'withdrawn')),
    -- whether the workflow waits to hear that it was sent
    awaited         boolean NOT NULL DEFAULT false,
    attempts        integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL,
    expires_at      timestamptz NOT NULL,
    sent_at         timestamptz,
    last_code       integer NOT NULL DEFAULT 0,
    -- keyed digest of the recipient's address; NULL when the message was destroyed
    address         bytea,
    created_at      timestamptz NOT NULL,
    UNIQUE (request_id, purpose, recipient)
);
CREATE INDEX outbox_due ON outbox (next_attempt_at) WHERE status = 'queued';
CREATE INDEX outbox_address ON outbox (address) WHERE status = 'queued';

-- Recipients that have not taken mails of late. A mail that is taken removes the row.
CREATE TABLE recipient (
    -- keyed digest, as in outbox
    address    bytea PRIMARY KEY,
    -- in a row
    failures   integer NOT NULL,
    -- refused for good: nothing is sent before a person has looked
    refused    boolean NOT NULL DEFAULT false,
    -- until when no other mail is tried, once there are too many failures
    held_until timestamptz NOT NULL,
    failed_at  timestamptz NOT NULL
);

-- Tokens that went out in mails. Only their hashes are kept.
CREATE TABLE token (
    hash       bytea PRIMARY KEY,
    request_id uuid NOT NULL REFERENCES request,
    mail_id    uuid NOT NULL REFERENCES outbox,
    purpose    text NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX token_request ON token (request_id);

-- How far each folder of each mailbox has been read.
CREATE TABLE mailbox_cursor (
    mailbox     text NOT NULL,
    folder      text NOT NULL,
    uidvalidity bigint NOT NULL,
    last_uid    bigint NOT NULL,
    updated_at  timestamptz NOT NULL,
    PRIMARY KEY (mailbox, folder)
);

-- When each mailbox was last read to its end, and since when that has happened
-- without an interruption.
CREATE TABLE mailbox_read (
    mailbox text PRIMARY KEY,
    read_at timestamptz NOT NULL,
    since   timestamptz NOT NULL
);

-- Mails that came in.
CREATE TABLE message (
    id          uuid PRIMARY KEY,
    mailbox     text NOT NULL,
    folder      text NOT NULL,
    uidvalidity bigint NOT NULL,
    uid         bigint NOT NULL,
    -- digest of what does not change when a mail is delivered or moved again
    fingerprint bytea NOT NULL,
    -- NULL for a mail that belongs to no request
    request_id  uuid REFERENCES request,
    purpose     text NOT NULL DEFAULT '',
    verdict     text NOT NULL,
    reasons     jsonb NOT NULL DEFAULT '[]',
    received_at timestamptz NOT NULL,
    seen_at     timestamptz NOT NULL,
    -- when it was marked, or moved, so that people who read the mailbox see that it
    -- is dealt with; a mail that nobody is to mark has this from the start
    marked_at   timestamptz,
    data_key_id uuid REFERENCES data_key ON DELETE SET NULL,
    -- the raw mail and its fresh text, sealed
    raw         bytea,
    fresh_text  bytea,
    -- keyed digest of the Message-ID
    message_id  bytea,
    -- keyed digest of the sender's domain, of mails whose token does not exist
    guess       bytea,
    -- the rights that it invokes, with the words that say so (dsr.Recognised), sealed
    recognised  bytea,
    UNIQUE (mailbox, folder, uidvalidity, uid)
);
-- What is sealed can't be compressed.
ALTER TABLE message ALTER raw SET STORAGE EXTERNAL;
-- The same mail delivered twice is one mail; the second row is kept without content.
CREATE UNIQUE INDEX message_fingerprint ON message (mailbox, fingerprint) WHERE verdict <> 'duplicate';
CREATE INDEX message_message_id ON message (mailbox, message_id);
CREATE INDEX message_guess ON message (seen_at) WHERE guess IS NOT NULL;
CREATE INDEX message_request ON message (request_id, received_at);
CREATE INDEX message_unmarked ON message (mailbox, folder, uidvalidity, uid) WHERE marked_at IS NULL AND request_id IS NOT NULL;

-- Requests that mails have opened, counted for the limits on acknowledgements and
-- kept for a day. Sender and domain are keyed digests.
CREATE TABLE mail_case (
    at           timestamptz NOT NULL,
    sender       bytea NOT NULL,
    domain       bytea NOT NULL,
    acknowledged boolean NOT NULL
);
CREATE INDEX mail_case_at ON mail_case (at);

-- What Temporal has to be told. Written with what caused it in one transaction.
CREATE TABLE signal (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    request_id      uuid NOT NULL REFERENCES request,
    kind            text NOT NULL CHECK (kind IN ('start', 'reply', 'mail', 'details')),
    payload         jsonb NOT NULL DEFAULT '{}',
    created_at      timestamptz NOT NULL,
    delivered_at    timestamptz,
    attempts        integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL
);
CREATE INDEX signal_due ON signal (next_attempt_at) WHERE delivered_at IS NULL;

CREATE TABLE plan (
    id         uuid PRIMARY KEY,
    request_id uuid NOT NULL REFERENCES request,
    made_at    timestamptz NOT NULL,
    lines      jsonb NOT NULL,
    -- digest of all that follows and of the lines: what an approver signs
    digest         bytea NOT NULL,
    policy_version text NOT NULL,
    policy_digest  text NOT NULL,
    map_digest     text NOT NULL
);
CREATE INDEX plan_request ON plan (request_id, made_at);

-- Which rows a plan means, per store: store.Target values, sealed.
CREATE TABLE plan_target (
    plan_id uuid NOT NULL REFERENCES plan,
    store   text NOT NULL,
    targets bytea,
    PRIMARY KEY (plan_id, store)
);

-- Who let Habeas write to which data store, and took it back; the last row counts.
CREATE TABLE clearance (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    store   text NOT NULL,
    dataset text NOT NULL,
    enabled boolean NOT NULL,
    -- the plan that was read before
    plan_id uuid REFERENCES plan,
    actor   text NOT NULL,
    at      timestamptz NOT NULL,
    CHECK (enabled = (plan_id IS NOT NULL))
);
CREATE INDEX clearance_store ON clearance (store, dataset, id DESC);
CREATE TRIGGER clearance_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON clearance
    EXECUTE FUNCTION refuse_change();

CREATE TABLE store_result (
    request_id      uuid NOT NULL REFERENCES request,
    store           text NOT NULL,
    collection      text NOT NULL,
    ord             integer NOT NULL,
    action          text NOT NULL,
    rows_matched    bigint NOT NULL,
    rows_erased     bigint NOT NULL,
    rows_anonymised bigint NOT NULL,
    rows_retained   bigint NOT NULL,
    retained_until  timestamptz,
    basis           text NOT NULL DEFAULT '',
    verified_at     timestamptz,
    residual_rows   bigint NOT NULL,
    PRIMARY KEY (request_id, store, collection)
);

CREATE TABLE decision (
    id         uuid PRIMARY KEY,
    request_id uuid NOT NULL REFERENCES request,
    action     text NOT NULL,
    about      text NOT NULL DEFAULT '',
    store      text NOT NULL DEFAULT '',
    actor      text NOT NULL,
    at         timestamptz NOT NULL,
    -- NULL until the request has answered
    accepted   boolean,
    -- the person's own words, sealed
    reason     bytea
);
CREATE INDEX decision_request ON decision (request_id, at);

CREATE TABLE certificate (
    request_id uuid PRIMARY KEY REFERENCES request,
    issued_at  timestamptz NOT NULL,
    document   text NOT NULL
);

-- What must happen later: worked off by a schedule, never by a waiting workflow.
CREATE TABLE duty (
    id          uuid PRIMARY KEY,
    request_id  uuid NOT NULL REFERENCES request,
    kind        text NOT NULL CHECK (kind IN ('read_back', 'residual', 'evidence')),
    store       text NOT NULL DEFAULT '',
    due_at      timestamptz NOT NULL,
    done_at     timestamptz,
    attempts    integer NOT NULL DEFAULT 0,
    -- its own key: what it needs must outlive the evidence of the request
    data_key_id uuid REFERENCES data_key ON DELETE SET NULL,
    targets     bytea,
    result      jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX duty_due ON duty (due_at) WHERE done_at IS NULL;
CREATE INDEX duty_request ON duty (request_id);

-- Errors as they were, sealed: Temporal, logs and metrics get only their id.
CREATE TABLE incident (
    id          uuid PRIMARY KEY,
    request_id  uuid REFERENCES request,
    step        text NOT NULL,
    code        text NOT NULL,
    at          timestamptz NOT NULL,
    data_key_id uuid REFERENCES data_key ON DELETE SET NULL,
    error       bytea
);
CREATE INDEX incident_request ON incident (request_id, at);
