/** The REST interface as the browser speaks it: a session, its CSRF token, and typed refusals. */

import { at, csrfToken } from "#js/lib/site.js";

/** A refusal: the server's code and sentence, and its HTTP status; status 0 if it could not be reached. */
export class ApiError extends Error {
  constructor(status, { code = "unreachable", message = "The server cannot be reached.", details } = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.details = details;
  }
}

/**
 * @param {string} method
 * @param {string} path below /api/v1
 * @param {{body?: unknown, signal?: AbortSignal, accept?: string, etag?: string}} [options] etag: of what is held; if it is
 *   still that, ApiError has status 304
 * @returns {Promise<Response>} an answer that is ok. Throws ApiError, or AbortError if aborted.
 */
export async function request(method, path, { body, signal, accept, etag } = {}) {
  const headers = { Accept: accept ?? "application/json" };
  if (method !== "GET") headers["X-CSRFToken"] = csrfToken();
  if (etag) headers["If-None-Match"] = etag;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(at(`/api/v1${path}`), {
      method,
      headers,
      signal,
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (failure) {
    if (failure.name === "AbortError") throw failure;
    throw new ApiError(0);
  }
  if (!response.ok) throw new ApiError(response.status, await refusal(response));
  return response;
}

/** @returns {Promise<any>} the parsed body; null where there is none. */
async function json(method, path, options) {
  const response = await request(method, path, options);
  return response.status === 204 ? null : response.json();
}

export const getJSON = (path, options) => json("GET", path, options);
export const postJSON = (path, body, options) => json("POST", path, { ...options, body });
export const patchJSON = (path, body, options) => json("PATCH", path, { ...options, body });
export const putJSON = (path, body, options) => json("PUT", path, { ...options, body });
export const remove = (path, options) => json("DELETE", path, options);

async function refusal(response) {
  try {
    return (await response.json()).error;
  } catch {
    return { code: "fault", message: `The server answered ${response.status}.` };
  }
}
