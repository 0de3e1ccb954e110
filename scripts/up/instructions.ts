/** How to point container engines at a mirror, as text for a person. */
export function engineInstructions(options: { mirrorUrl: string; upstreamUrl: string }): string {
  const upstream = new URL(options.upstreamUrl)
  const isDockerHub = upstream.hostname === 'registry-1.docker.io'
  const name = isDockerHub ? 'docker.io' : upstream.host
  const mirror = new URL(options.mirrorUrl)

  return `docker: put this into /etc/docker/daemon.json, then: systemctl reload docker
  { "registry-mirrors": ["${mirror.origin}"] }${isDockerHub ? '' : dockerHubOnly(name)}

containerd: put this into /etc/containerd/certs.d/${name}/hosts.toml (no restart needed)
  server = "${upstream.origin}"
  [host."${mirror.origin}"]
    capabilities = ["pull", "resolve"]
and once, into /etc/containerd/config.toml, then: systemctl restart containerd
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "/etc/containerd/certs.d"

podman, CRI-O: put this into /etc/containers/registries.conf.d/50-dragonfly.conf
  [[registry]]
  location = "${name}"
  [[registry.mirror]]
  location = "${mirror.host}"
  insecure = true

Each of them goes to ${name} itself when the mirror is gone.`
}

function dockerHubOnly(name: string): string {
  return `
  (docker asks mirrors only for images of docker.io, and will find those of ${name} under such names)`
}
