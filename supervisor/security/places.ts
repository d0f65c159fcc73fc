// Paths that more than one check knows.

/** `/var/run` is a link to `/run` in most images, and a directory in some. */
export const serviceAccountDirectory = '/run/secrets/kubernetes.io'
