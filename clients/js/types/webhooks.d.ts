/**
 * The delivery's body, read; throws a `Problem` (`bad_headers`, `too_old`, `too_new`, `bad_signature`) for any other.
 * @param {string} secret `whsec_…`, as it was shown when the webhook was put
 * @param {Headers | Record<string, string | string[] | undefined>} headers
 * @param {string | Uint8Array} body as it came, byte for byte
 * @param {number} [nowS]
 * @returns {Promise<any>}
 */
export function verifyWebhook(secret: string, headers: Headers | Record<string, string | string[] | undefined>, body: string | Uint8Array, nowS?: number): Promise<any>;
