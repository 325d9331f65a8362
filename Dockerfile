FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o /out/phone2mqtt ./cmd/phone2mqtt \
 && mkdir -p /out/data /out/tmp

FROM scratch
# Authorities for mqtts:// and wss:// brokers with a public certificate.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/phone2mqtt /phone2mqtt
# A new named volume takes its owner from the directory it covers. The store of
# DATA_DIR=none and of the demo is a temporary file.
COPY --from=build --chown=65532:65532 /out/data /data
COPY --from=build --chown=65532:65532 /out/tmp /tmp
ENV PHONE2MQTT_DATA_DIR=/data
# Numeric, so that Kubernetes can tell that it is not root.
USER 65532:65532
VOLUME /data
EXPOSE 8090
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s CMD ["/phone2mqtt", "healthcheck"]
ENTRYPOINT ["/phone2mqtt"]
