# One image for every role: server, worker, migrate and the commands of an
# operator. It holds one static binary; nothing in it needs to be root.
FROM golang:1.26.8-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
# The time zone database goes into the binary: the day on which a request is due
# must not depend on the machine. (internal/law, internal/policy)
RUN CGO_ENABLED=0 go build -trimpath -tags timetzdata -ldflags '-s -w' -o /habeas ./cmd/habeas

# Alpine brings the authorities for TLS, and wget for the health check.
FROM alpine:3.22.1
COPY --from=build /habeas /usr/local/bin/habeas
USER 65532:65532
ENV HABEAS_CONFIG=/etc/habeas/habeas.yaml
EXPOSE 8080 8081
ENTRYPOINT ["habeas"]
CMD ["server"]
