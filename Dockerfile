# Image of the connector with all built-in profiles. Variables select the profile and contain its settings;
# `stixmap deploy PROFILE --out DIR` generates them.
#   docker build --tag stixmap .
#   docker run --env STIXMAP_PROFILE=riskiq --env-file .env stixmap

# Base images are pinned by digest. To find the current digest:
#   docker buildx imagetools inspect rust:1.90-slim-bookworm
FROM rust:1.90-slim-bookworm@sha256:64232e656c058f4468e8d024e990acff04f0fd5a5c0a88a574dc37773d7325c9 AS build
WORKDIR /build
COPY Cargo.toml Cargo.lock build.rs ./
COPY engine engine
COPY profiles profiles
COPY src src
COPY tests/diagnostics tests/diagnostics
ENV CARGO_PROFILE_RELEASE_STRIP=symbols
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target \
    cargo build --release --locked --bin stixmap \
    && cp target/release/stixmap /usr/local/bin/stixmap && mkdir /state

# C library, certificate authorities and an unprivileged user; no shell, no package manager.
FROM gcr.io/distroless/cc-debian12:nonroot@sha256:9dac0a79194e45a7da0158a9c6da57b217585af0786db3845d1f0ec1a0dd182f
LABEL org.opencontainers.image.title="stixmap" \
      org.opencontainers.image.description="Convert passive-DNS results to STIX 2.1: an OpenCTI connector" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /usr/local/bin/stixmap /usr/local/bin/stixmap
# Journal of deliveries, which survives a restart. A new volume mounted here gets the same owner.
COPY --from=build --chown=65532:65532 --chmod=700 /state /var/lib/stixmap
ENV CONNECTOR_TYPE=INTERNAL_ENRICHMENT \
    CONNECTOR_JOURNAL_PATH=/var/lib/stixmap
# A numeric user: Kubernetes cannot verify `runAsNonRoot` for a name.
USER 65532:65532
ENTRYPOINT ["stixmap", "connector"]
