import { Type } from 'typebox'

/** What a program is told about redirects, as parts of its configuration. */
export const redirectSettings = {
  origin: Type.Optional(
    Type.String({
      description:
        'storage that a registry redirects to by its bare paths (/docker/registry/v2/blobs/…)',
      unit: 'url',
    }),
  ),
  allow: Type.Array(Type.String(), {
    description: 'origins that a registry may redirect to by /origin/SCHEME/HOST/PATH',
    placeholder: 'HOST[:PORT][/PATH]',
  }),
  filterQuery: Type.Array(Type.String(), {
    description:
      'query parameters of redirects that do not decide the content, besides signatures of known storage services',
    placeholder: 'NAME',
  }),
}
