# The three servers, one image each: docker build --target dbquery-mcp -t dbquery-mcp .
# A host starts one with docker run -i --rm -e NAME=value … dbquery-mcp, and speaks over its stdin and stdout.
FROM golang:1.26-alpine AS build
ENV CGO_ENABLED=0 GOWORK=off
RUN apk add --no-cache ca-certificates
WORKDIR /src
COPY shared/go.mod shared/go.sum shared/
COPY circuitbreaker-mcp/go.mod circuitbreaker-mcp/go.sum circuitbreaker-mcp/
COPY dbquery-mcp/go.mod dbquery-mcp/go.sum dbquery-mcp/
COPY rediscache-mcp/go.mod rediscache-mcp/go.sum rediscache-mcp/
RUN for module in circuitbreaker-mcp dbquery-mcp rediscache-mcp; do (cd $module && go mod download) || exit 1; done
COPY shared/ shared/
COPY circuitbreaker-mcp/ circuitbreaker-mcp/
COPY dbquery-mcp/ dbquery-mcp/
COPY rediscache-mcp/ rediscache-mcp/
ARG VERSION=devel
RUN for module in circuitbreaker-mcp dbquery-mcp rediscache-mcp; do \
        (cd $module && go build -trimpath -ldflags="-s -w -X payops-mcp/shared/serve.version=$VERSION" -o /out/$module .) || exit 1; \
    done

FROM scratch AS base
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
USER 65534:65534

FROM base AS circuitbreaker-mcp
COPY --from=build /out/circuitbreaker-mcp /
ENTRYPOINT ["/circuitbreaker-mcp"]

FROM base AS dbquery-mcp
COPY --from=build /out/dbquery-mcp /
ENTRYPOINT ["/dbquery-mcp"]

FROM base AS rediscache-mcp
COPY --from=build /out/rediscache-mcp /
ENTRYPOINT ["/rediscache-mcp"]
