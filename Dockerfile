# The image of every connector: one program with all shipped profiles inside. Variables choose the profile and hold everything
# else; `stixmap deploy PROFILE --out DIR` writes them down.
#   docker build --tag stixmap .
#   docker run --env STIXMAP_PROFILE=riskiq --env-file .env stixmap

# Images are those of these digests, whatever their tags lead to later. A new one:
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

# The C library, certificate authorities, and a user without rights; no shell, no packages.
FROM gcr.io/distroless/cc-debian12:nonroot@sha256:9dac0a79194e45a7da0158a9c6da57b217585af0786db3845d1f0ec1a0dd182f
LABEL org.opencontainers.image.title="stixmap" \
      org.opencontainers.image.description="Passive-DNS providers to STIX 2.1, by profile: an OpenCTI connector" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /usr/local/bin/stixmap /usr/local/bin/stixmap
# What it must know after it was killed; a new volume mounted here belongs to the same user.
COPY --from=build --chown=65532:65532 --chmod=700 /state /var/lib/stixmap
ENV CONNECTOR_TYPE=INTERNAL_ENRICHMENT \
    CONNECTOR_JOURNAL_PATH=/var/lib/stixmap
# By number: Kubernetes cannot tell from a name that it is not root.
USER 65532:65532
ENTRYPOINT ["stixmap", "connector"]
