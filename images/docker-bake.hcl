# What is built, and what on what. images/build-all.sh adds this machine's way to the package registries.

# With its slash, as in "registry.example.com/team/".
variable "REGISTRY" { default = "" }
variable "TAG" { default = "latest" }
variable "VERSION" { default = "0.0.0" }
# Of the source, for a release. Left empty in between: it would make each commit a new image.
variable "REVISION" { default = "" }
# Time in RFC 3339, for a release.
variable "CREATED" { default = "" }

group "default" {
  targets = ["base", "flow1", "flow2", "flow3"]
}

target "common" {
  context = "."
  args    = { VERSION = VERSION }
  labels = {
    for name, value in { revision = REVISION, created = CREATED } :
    "org.opencontainers.image.${name}" => value if value != ""
  }
}

target "base" {
  inherits   = ["common"]
  dockerfile = "images/Dockerfile.base"
  tags       = ["${REGISTRY}flowkeep-base:${TAG}"]
}

target "flow" {
  inherits = ["common"]
  contexts = { base = "target:base" }
}

target "flow1" {
  inherits   = ["flow"]
  dockerfile = "images/Dockerfile.flow1"
  tags       = ["${REGISTRY}flowkeep-flow1:${TAG}"]
}

target "flow2" {
  inherits   = ["flow"]
  dockerfile = "images/Dockerfile.flow2"
  tags       = ["${REGISTRY}flowkeep-flow2:${TAG}"]
}

target "flow3" {
  inherits   = ["flow"]
  dockerfile = "images/Dockerfile.flow3"
  tags       = ["${REGISTRY}flowkeep-flow3:${TAG}"]
}
