# The image of every connector: one program with all shipped profiles inside. Variables choose the profile and hold everything
# else; `stixmap deploy PROFILE --out DIR` writes them down.
#   docker build --tag stixmap .
#   docker run --env STIXMAP_PROFILE=riskiq --env-file .env stixmap

FROM rust:1.90-slim-bookworm AS build
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
    && cp target/release/stixmap /usr/local/bin/stixmap

# The C library, certificate authorities, and a user without rights; no shell, no packages.
FROM gcr.io/distroless/cc-debian12:nonroot
LABEL org.opencontainers.image.title="stixmap" \
      org.opencontainers.image.description="Passive-DNS providers to STIX 2.1, by profile: an OpenCTI connector" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /usr/local/bin/stixmap /usr/local/bin/stixmap
ENV CONNECTOR_TYPE=INTERNAL_ENRICHMENT
# By number: Kubernetes cannot tell from a name that it is not root.
USER 65532:65532
ENTRYPOINT ["stixmap", "connector"]
