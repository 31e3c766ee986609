# syntax=docker/dockerfile:1
# SQLite, libpq and OpenSSL are compiled in: the image holds one program and the certificates that it trusts.
FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --locked --profile dist --bin rosterd

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin rosterd \
    && install -d -m 0700 -o rosterd -g rosterd /data
COPY --from=build /src/target/dist/rosterd /usr/local/bin/rosterd
USER 10001
ENV ROSTERD_LISTEN=0.0.0.0:8080 \
    ROSTERD_DATA_DIR=/data \
    ROSTERD_LOG_FORMAT=json
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --retries=3 CMD ["rosterd", "healthcheck"]
ENTRYPOINT ["rosterd"]
CMD ["serve"]
