const maxNameLength = 255

// One alternative per separator and no two that begin alike, so that matching is linear.
const component = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*'
const namePattern = new RegExp(`^${component}(?:/${component})*$`)
const tagPattern = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/

/** `<name>` of the OCI distribution spec ("Pulling manifests"), at most 255 characters as clients hold it. */
export function isRepositoryName(text: string): boolean {
  return text.length <= maxNameLength && namePattern.test(text)
}

/** A tag as `<reference>` of the OCI distribution spec ("Pulling manifests"). */
export function isTag(text: string): boolean {
  return tagPattern.test(text)
}
