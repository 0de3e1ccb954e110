/**
 * What a registry or its token server knows somebody by, as `docker login` and `podman login` keep it: a name with
 * a password, a token for `Authorization: Bearer`, or an identity token, which is only good for getting tokens by
 * OAuth2 (distribution's "Docker Registry v2 Bearer token specification", OAuth2 form).
 */
export type StoredLogin =
  | { username: string; password: string }
  | { token: string }
  | { identityToken: string }
