import { FAILED } from '../record/schema.ts';
/** What a login is, in SQL over `records`: one answer for doors, pages, tests of what is unusual and saved queries. */

const OPERATION = "lower(coalesce(operation, ''))";

/** Events that change what opens the door though adapters call them auth: factors, passwords, enrollments (Okta, Keycloak, Auth0). */
const CHANGES =
  'factor\\.(?:activate|update|enroll|reset)|update_(?:totp|credential|password)|enroll|^scpr?$';

/** No knock at the door either: sessions that end, policies that are looked at, tokens that go on or are exchanged. */
const BESIDE =
  'log[_.]?(?:out|off)|session\\.end|^slo$|policy\\.evaluate|refresh|introspect|code_to_token|^[fs]ertft$|^ferrt$';

/** Second factors. One that is right belongs to a login that is told of itself; one that is wrong may be all that is told. */
const SECOND = 'auth_via_mfa|^gd_auth_succeed$';

/** Acts of administration that only look. */
const LOOKS = '^(?:get|list|watch|mgmt_api_read)$';

/**
 * Of an auth event: `failed`, `succeeded`, or NULL for what is no login or has only begun. Who is asked for a password or a second factor
 * has failed at nothing yet, whatever the status of that answer: the 401 before the first password, Okta's CHALLENGE, sshd's Postponed.
 */
export const LOGIN: string = `CASE
      WHEN regexp_matches(${OPERATION}, '${BESIDE}|${CHANGES}') THEN NULL
      WHEN auth_result IN ('challenge', 'skipped') THEN NULL
      WHEN auth_result = 'failure' OR ${FAILED} THEN 'failed'
      WHEN regexp_matches(${OPERATION}, '${SECOND}') THEN NULL
      WHEN auth_result = 'success' OR auth_result IS NULL AND status = 'ok' THEN 'succeeded' END`;

/** Conditions: somebody knocked and was not let in; somebody was. */
export const FAILED_LOGIN: string = `event_type = 'auth' AND ${LOGIN} = 'failed'`;
export const SUCCEEDED_LOGIN: string = `event_type = 'auth' AND ${LOGIN} = 'succeeded'`;

/** Condition over auth and admin events: a key made, a factor added, or another act of administration that was not refused. */
export const CHANGED_DOOR: string = `NOT ${FAILED} AND CASE event_type
      WHEN 'auth' THEN (auth_result = 'success' OR auth_result IS NULL AND status = 'ok') AND regexp_matches(${OPERATION}, '${CHANGES}')
      ELSE auth_result IS DISTINCT FROM 'failure' AND NOT regexp_matches(${OPERATION}, '${LOOKS}') END`;
