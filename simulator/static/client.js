/* `braintree.client`: the browser's way to the simulated gateway, with the interface of braintree-web v3.
 * The page that takes a card loads it; it reads the client token, fetches the configuration and passes both on. */
(function () {
  'use strict';

  const braintree = window.braintree = window.braintree || {};
  const VERSION = (document.currentScript && /\/web\/([^/]+)\//.exec(document.currentScript.src) || [])[1] || '0';

  class BraintreeError extends Error {
    constructor({ code, message, type, details }) {
      super(message);
      this.name = 'BraintreeError';
      Object.assign(this, { code, type, details });
    }
  }
  BraintreeError.types = { CUSTOMER: 'CUSTOMER', MERCHANT: 'MERCHANT', NETWORK: 'NETWORK', INTERNAL: 'INTERNAL', UNKNOWN: 'UNKNOWN' };

  /** Callback or promise, as the caller likes it. */
  function answerBy(promise, callback) {
    if (typeof callback !== 'function') return promise;
    promise.then((value) => setTimeout(() => callback(null, value)), (error) => setTimeout(() => callback(error)));
    return undefined;
  }

  function readAuthorization(authorization) {
    if (/^[a-zA-Z0-9]+_[a-zA-Z0-9]+_[a-zA-Z0-9_]+$/.test(authorization)) {
      const [environment, , merchantId] = authorization.match(/^([^_]+)_([^_]+)_(.+)$/).slice(1);
      const origin = new URL(braintree.client.origin).origin;
      return { environment, configUrl: `${origin}/merchants/${merchantId}/client_api/v1/configuration`, attributes: { tokenizationKey: authorization } };
    }
    const token = JSON.parse(atob(authorization));
    if (!token.authorizationFingerprint || !token.configUrl) throw new Error('not a client token');
    return { ...token, attributes: { authorizationFingerprint: token.authorizationFingerprint } };
  }

  async function fetchJson(url, options) {
    let response;
    try {
      response = await fetch(url, { credentials: 'omit', ...options });
      return { status: response.status, data: await response.json() };
    } catch (error) {
      if (response && response.status) return { status: response.status, data: null };
      throw new BraintreeError({ code: 'CLIENT_REQUEST_ERROR', type: 'NETWORK', message: 'There was a problem with your request.', details: { originalError: error } });
    }
  }

  class Client {
    constructor(authorization, token, gatewayConfiguration) {
      this._token = token;
      this._configuration = {
        client: { authorization, version: VERSION, authorizationType: token.attributes.tokenizationKey ? 'TOKENIZATION_KEY' : 'CLIENT_TOKEN' },
        authorization, authorizationType: token.attributes.tokenizationKey ? 'TOKENIZATION_KEY' : 'CLIENT_TOKEN',
        gatewayConfiguration,
        analyticsMetadata: { sessionId: crypto.randomUUID ? crypto.randomUUID() : String(Math.random()), platform: 'web', source: 'client', integration: 'custom', sdkVersion: VERSION },
      };
    }

    getConfiguration() { return structuredClone(this._configuration); }

    getVersion() { return VERSION; }

    /** What every call must carry to be let in. */
    authorizationAttributes() { return { ...this._token.attributes }; }

    request({ endpoint, method = 'get', data = {} }, callback) {
      const url = new URL(this._configuration.gatewayConfiguration.clientApiUrl + '/v1/' + endpoint);
      const payload = { ...this._token.attributes, ...data };
      const isGet = method.toLowerCase() === 'get';
      if (isGet) for (const [name, value] of Object.entries(payload)) url.searchParams.set(name, value);
      const call = fetchJson(url.href, isGet ? {} : { method: method.toUpperCase(), headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(payload) })
        .then((answer) => {
          if (answer.status >= 200 && answer.status < 300) return answer.data;
          throw new BraintreeError({ code: 'CLIENT_REQUEST_ERROR', type: answer.status < 500 ? 'CUSTOMER' : 'NETWORK', message: 'There was a problem with your request.', details: { httpStatus: answer.status, originalError: answer.data } });
        });
      return answerBy(call, callback);
    }

    teardown(callback) { return answerBy(Promise.resolve(), callback); }

    toJSON() { return this.getConfiguration(); }
  }

  async function create(options) {
    if (!options || !options.authorization) {
      throw new BraintreeError({ code: 'INSTANTIATION_OPTION_REQUIRED', type: 'MERCHANT', message: 'options.authorization is required when instantiating a client.' });
    }
    let token;
    try {
      token = readAuthorization(options.authorization);
    } catch (error) {
      throw new BraintreeError({ code: 'CLIENT_INVALID_AUTHORIZATION', type: 'MERCHANT', message: 'Authorization is invalid. Make sure your client token or tokenization key is valid.', details: { originalError: error } });
    }
    const url = new URL(token.configUrl);
    url.searchParams.set('configVersion', '3');
    for (const [name, value] of Object.entries(token.attributes)) url.searchParams.set(name, value);
    let answer;
    try {
      answer = await fetchJson(url.href);
    } catch (error) {
      throw new BraintreeError({ code: 'CLIENT_GATEWAY_NETWORK', type: 'NETWORK', message: 'Cannot contact the gateway at this time.', details: { originalError: error } });
    }
    if (answer.status === 401 || answer.status === 403) {
      throw new BraintreeError({ code: 'CLIENT_AUTHORIZATION_INVALID', type: 'MERCHANT', message: 'Either the client token has expired or the credentials are invalid.', details: { httpStatus: answer.status } });
    }
    if (answer.status !== 200 || !answer.data) {
      throw new BraintreeError({ code: 'CLIENT_GATEWAY_NETWORK', type: 'NETWORK', message: 'Cannot contact the gateway at this time.', details: { httpStatus: answer.status } });
    }
    return new Client(options.authorization, token, answer.data);
  }

  braintree.client = {
    VERSION, BraintreeError, answerBy,
    origin: document.currentScript ? document.currentScript.src : location.href,
    create: (options, callback) => answerBy(create(options), callback),
  };
}());
