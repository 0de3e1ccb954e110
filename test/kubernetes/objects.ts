/** One for each time that a claim is made: a volume is not given out again by itself. */
export const disks = ['disk-1', 'disk-2', 'disk-3']

/** What a cluster's administrator has made: volumes on one node, for claims that name no class. */
export function volumes(node: string): object {
  const storageClass = {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: {
      name: 'local',
      annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' },
    },
    provisioner: 'kubernetes.io/no-provisioner',
    volumeBindingMode: 'WaitForFirstConsumer',
  }
  const volumesOfDisks = disks.map((name) => ({
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name },
    spec: {
      capacity: { storage: '100Gi' },
      accessModes: ['ReadWriteOnce'],
      storageClassName: 'local',
      local: { path: `/var/lib/${name}` },
      nodeAffinity: {
        required: {
          nodeSelectorTerms: [
            {
              matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [node] }],
            },
          ],
        },
      },
    },
  }))
  return { apiVersion: 'v1', kind: 'List', items: [storageClass, ...volumesOfDisks] }
}

/** A pod that stays, on a node. */
export function podOf({
  name,
  image,
  node,
}: {
  name: string
  image: string
  node: string
}): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: {
      nodeName: node,
      automountServiceAccountToken: false,
      terminationGracePeriodSeconds: 0,
      containers: [{ name: 'main', image, command: ['sleep', 'infinity'] }],
    },
  }
}
