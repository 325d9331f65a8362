# The image of phone2mqtt: one static program, nothing else.
#   docker build -t phone2mqtt --build-arg VERSION=1.2.3 .
#   docker buildx build --platform linux/amd64,linux/arm64,linux/arm/v7 .

# Go compiles for every platform on any: nothing is emulated.
FROM --platform=$BUILDPLATFORM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
ARG TARGETOS
ARG TARGETARCH
ARG TARGETVARIANT
ARG VERSION
# GOARM is for arm alone: the variant of arm64 is no value for it.
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    if [ "$TARGETARCH" = arm ]; then export GOARM="${TARGETVARIANT#v}"; fi \
 && CGO_ENABLED=0 GOOS="$TARGETOS" GOARCH="$TARGETARCH" \
    go build -trimpath -ldflags="-s -w -X main.version=$VERSION" -o /out/phone2mqtt ./cmd/phone2mqtt \
 && mkdir -p /out/data /out/tmp

FROM scratch
ARG VERSION
ARG REVISION
ARG CREATED
LABEL org.opencontainers.image.title="phone2mqtt" \
      org.opencontainers.image.description="Htek and Sangoma S-series desk phones on MQTT" \
      org.opencontainers.image.url="https://github.com/phone2mqtt/phone2mqtt" \
      org.opencontainers.image.source="https://github.com/phone2mqtt/phone2mqtt" \
      org.opencontainers.image.documentation="https://github.com/phone2mqtt/phone2mqtt#readme" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.created="$CREATED"
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
