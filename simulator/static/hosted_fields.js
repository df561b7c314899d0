/* `braintree.hostedFields`: puts one iframe of the simulator's origin into each container of the page and speaks for
 * them, with the interface of braintree-web v3. The page learns states and the nonce; card data never passes here. */
(function () {
  'use strict';

  const braintree = window.braintree = window.braintree || {};
  const VERSION = (document.currentScript && /\/web\/([^/]+)\//.exec(document.currentScript.src) || [])[1] || '0';
  const CREATE_TIMEOUT_MS = 60000;
  const LABELS = {
    number: 'Credit Card Number', cvv: 'CVV', expirationDate: 'Expiration Date', expirationMonth: 'Expiration Month',
    expirationYear: 'Expiration Year', postalCode: 'Postal Code', cardholderName: 'Cardholder Name',
  };
  const EVENTS = ['blur', 'cardTypeChange', 'empty', 'focus', 'inputSubmitRequest', 'notEmpty', 'validityChange'];
  const ATTRIBUTES = { 'aria-invalid': /^(true|false)$/, 'aria-required': /^(true|false)$/, disabled: /^(true|false)$/, placeholder: /^/ };
  const MESSAGES = {
    HOSTED_FIELDS_FIELDS_EMPTY: ['CUSTOMER', 'All fields are empty. Cannot tokenize empty card fields.'],
    HOSTED_FIELDS_FIELDS_INVALID: ['CUSTOMER', 'Some payment input fields are invalid. Cannot tokenize invalid card fields.'],
    HOSTED_FIELDS_FAILED_TOKENIZATION: ['CUSTOMER', 'The supplied card data failed tokenization.'],
    HOSTED_FIELDS_TOKENIZATION_NETWORK_ERROR: ['NETWORK', 'A tokenization network error occurred.'],
    HOSTED_FIELDS_TOKENIZATION_FAIL_ON_DUPLICATE: ['CUSTOMER', 'This credit card already exists in the merchant\'s vault.'],
    HOSTED_FIELDS_TOKENIZATION_CVV_VERIFICATION_FAILED: ['CUSTOMER', 'CVV verification failed during tokenization.'],
    HOSTED_FIELDS_TIMEOUT: ['UNKNOWN', 'Hosted Fields timed out when attempting to set up.'],
    HOSTED_FIELDS_INVALID_FIELD_KEY: ['MERCHANT', 'Invalid field key.'],
    HOSTED_FIELDS_INVALID_FIELD_SELECTOR: ['MERCHANT', 'Selector does not reference a valid DOM node.'],
    HOSTED_FIELDS_FIELD_DUPLICATE_IFRAME: ['MERCHANT', 'Element already contains a Braintree iframe.'],
    HOSTED_FIELDS_FIELD_INVALID: ['MERCHANT', 'That is not a valid field.'],
    HOSTED_FIELDS_FIELD_NOT_PRESENT: ['MERCHANT', 'That field is not on this form.'],
    HOSTED_FIELDS_ATTRIBUTE_NOT_SUPPORTED: ['MERCHANT', 'That attribute is not supported.'],
    HOSTED_FIELDS_ATTRIBUTE_VALUE_NOT_ALLOWED: ['MERCHANT', 'That value is not allowed for the attribute.'],
    INSTANTIATION_OPTION_REQUIRED: ['MERCHANT', 'options.client and options.fields are required when instantiating Hosted Fields.'],
    METHOD_CALLED_AFTER_TEARDOWN: ['MERCHANT', 'That method cannot be called after teardown.'],
  };

  function failure(code, details) {
    const [type, message] = MESSAGES[code];
    return new braintree.client.BraintreeError({ code, type, message, details });
  }

  /** `options.styles` may name a class of the page ("input": ".card-text"); its look is read here. */
  function resolveStyles(styles) {
    const resolved = {};
    for (const [selector, value] of Object.entries(styles || {})) {
      if (typeof value !== 'string') { resolved[selector] = value; continue; }
      const probe = document.createElement('input');
      probe.className = value.replace(/^\./, '');
      probe.style.setProperty('display', 'none');
      document.body.append(probe);
      const computed = getComputedStyle(probe);
      resolved[selector] = Object.fromEntries(['color', 'font-family', 'font-size', 'font-weight', 'letter-spacing', 'line-height', 'text-align']
        .map((name) => [name, computed.getPropertyValue(name)]));
      probe.remove();
    }
    return resolved;
  }

  class HostedFields {
    constructor(options, configuration) {
      this._id = 'f' + Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(16)).join('');
      this._options = options;
      this._configuration = configuration;
      this._handlers = {};
      this._fields = {};
      this._cards = [];
      this._waiting = new Map();
      this._requests = 0;
      this._listen = (event) => this._hear(event);
      this._origin = new URL(configuration.assetsUrl).origin;
    }

    build() {
      const wanted = Object.entries(this._options.fields);
      for (const [name, config] of wanted) {
        if (!Object.hasOwn(LABELS, name)) throw failure('HOSTED_FIELDS_INVALID_FIELD_KEY', { fieldKey: name });
        const place = config.container || config.selector;
        const container = typeof place === 'string' ? document.querySelector(place) : place;
        if (!container) throw failure('HOSTED_FIELDS_INVALID_FIELD_SELECTOR', { fieldKey: name, fieldSelector: place });
        if (container.querySelector('iframe[name^="braintree-"]')) throw failure('HOSTED_FIELDS_FIELD_DUPLICATE_IFRAME', { fieldKey: name });
        this._fields[name] = { container, config, state: { isFocused: false, isEmpty: true, isPotentiallyValid: true, isValid: false } };
      }
      window.addEventListener('message', this._listen);
      return new Promise((resolve, reject) => {
        this._timer = setTimeout(() => reject(failure('HOSTED_FIELDS_TIMEOUT')), CREATE_TIMEOUT_MS);
        this._prepared = () => { clearTimeout(this._timer); resolve(this); };
        for (const name of Object.keys(this._fields)) this._addFrame(name);
      });
    }

    _addFrame(name) {
      const field = this._fields[name];
      const frame = document.createElement('iframe');
      frame.id = frame.name = 'braintree-hosted-field-' + name;
      frame.title = field.config.iframeTitle || 'Secure Credit Card Frame - ' + (field.config.internalLabel || LABELS[name]);
      frame.setAttribute('allowtransparency', 'true');
      frame.setAttribute('scrolling', 'no');
      Object.assign(frame.style, { border: 'none', width: '100%', height: '100%', display: 'block', background: 'transparent' });
      frame.src = `${this._configuration.assetsUrl}/web/${VERSION}/html/hosted-fields-frame.min.html#${this._id}/${name}/${encodeURIComponent(location.origin)}`;
      field.frame = frame;
      field.container.append(frame);
      for (const label of field.container.id ? document.querySelectorAll(`label[for="${CSS.escape(field.container.id)}"]`) : []) {
        label.addEventListener('click', () => { if (!this._gone) this.focus(name); });
      }
    }

    _send(name, order) {
      const { frame } = this._fields[name];
      if (frame.contentWindow) frame.contentWindow.postMessage({ ...order, hostedFields: this._id }, this._origin);
    }

    _hear(event) {
      const note = event.data || {};
      const field = note.hostedFields === this._id && Object.hasOwn(this._fields, note.field) ? this._fields[note.field] : null;
      if (!field || event.origin !== this._origin || event.source !== field.frame.contentWindow) return;
      if (note.state) field.state = note.state;
      if (note.cards) this._cards = note.cards;
      if (note.kind === 'ready') {
        const { config } = field;
        this._send(note.field, {
          kind: 'init', label: LABELS[note.field], lang: document.documentElement.lang, styles: resolveStyles(this._options.styles),
          config: { placeholder: config.placeholder, internalLabel: config.internalLabel, type: config.type, maskInput: Boolean(config.maskInput), minlength: config.minlength, prefill: config.prefill },
          clientApiUrl: this._configuration.clientApiUrl, authorization: this._options.client.authorizationAttributes(),
        });
      } else if (note.kind === 'prepared') {
        field.prepared = true;
        if (Object.values(this._fields).every((each) => each.prepared)) this._prepared();
      } else if (note.kind === 'event') {
        this._mark(field);
        if (note.type === 'cardTypeChange' && this._fields.cvv) {
          this._send('cvv', { kind: 'sizes', sizes: this._cards.length ? [...new Set(this._cards.map((card) => card.code.size))] : [3, 4] });
        }
        this._emit(note.type, { ...this.getState(), emittedBy: note.field });
      } else if (note.kind === 'tokenized' && this._waiting.has(note.requestId)) {
        const settle = this._waiting.get(note.requestId);
        this._waiting.delete(note.requestId);
        settle(note);
      }
    }

    _mark({ container, state }) {
      container.classList.toggle('braintree-hosted-fields-focused', state.isFocused);
      container.classList.toggle('braintree-hosted-fields-valid', state.isValid);
      container.classList.toggle('braintree-hosted-fields-invalid', !state.isPotentiallyValid);
    }

    _emit(type, report) {
      for (const handler of (this._handlers[type] || []).slice()) handler(report);
    }

    _field(name) {
      if (this._gone) throw failure('METHOD_CALLED_AFTER_TEARDOWN');
      if (!Object.hasOwn(LABELS, name)) throw failure('HOSTED_FIELDS_FIELD_INVALID', { fieldKey: name });
      if (!this._fields[name]) throw failure('HOSTED_FIELDS_FIELD_NOT_PRESENT', { fieldKey: name });
      return this._fields[name];
    }

    _order(name, order, callback) {
      return braintree.client.answerBy(new Promise((resolve) => { this._field(name); this._send(name, order); resolve(); }), callback);
    }

    on(type, handler) {
      if (EVENTS.includes(type)) (this._handlers[type] = this._handlers[type] || []).push(handler);
    }

    off(type, handler) { this._handlers[type] = (this._handlers[type] || []).filter((each) => each !== handler); }

    getState() {
      const fields = Object.fromEntries(Object.entries(this._fields).map(([name, { container, state }]) => [name, { container, ...state }]));
      return { cards: structuredClone(this._cards), fields };
    }

    getSupportedCardTypes(callback) {
      return braintree.client.answerBy(Promise.resolve((this._configuration.creditCards || {}).supportedCardTypes || []), callback);
    }

    focus(name, callback) {
      this._field(name).frame.focus(); // the frame first, so that its input may take the focus in every browser
      return this._order(name, { kind: 'focus' }, callback);
    }

    clear(name, callback) { return this._order(name, { kind: 'clear' }, callback); }

    addClass(name, classname, callback) { return this._order(name, { kind: 'addClass', classname }, callback); }

    removeClass(name, classname, callback) { return this._order(name, { kind: 'removeClass', classname }, callback); }

    setMessage({ field, message }) { this._order(field, { kind: 'message', message: message || '' }); }

    setPlaceholder(name, placeholder, callback) { return this.setAttribute({ field: name, attribute: 'placeholder', value: placeholder }, callback); }

    setAttribute({ field, attribute, value }, callback) { return this._change({ kind: 'setAttribute', field, attribute, value: String(value) }, callback); }

    removeAttribute({ field, attribute }, callback) { return this._change({ kind: 'removeAttribute', field, attribute }, callback); }

    _change({ field, ...order }, callback) {
      let code = null;
      if (!Object.hasOwn(ATTRIBUTES, order.attribute)) code = 'HOSTED_FIELDS_ATTRIBUTE_NOT_SUPPORTED';
      else if ('value' in order && !ATTRIBUTES[order.attribute].test(order.value)) code = 'HOSTED_FIELDS_ATTRIBUTE_VALUE_NOT_ALLOWED';
      if (code) return braintree.client.answerBy(Promise.reject(failure(code, { attribute: order.attribute })), callback);
      return this._order(field, order, callback);
    }

    tokenize(options, callback) {
      if (typeof options === 'function') [options, callback] = [{}, options];
      return braintree.client.answerBy(this._tokenize(options || {}), callback);
    }

    async _tokenize(options) {
      if (this._gone) throw failure('METHOD_CALLED_AFTER_TEARDOWN');
      const names = (options.fieldsToTokenize || Object.keys(this._fields)).filter((name) => this._field(name));
      this._requests += 1;
      const requestId = this._requests;
      const answer = await new Promise((resolve) => {
        this._waiting.set(requestId, resolve);
        this._send(names.includes('number') ? 'number' : names[0], {
          kind: 'tokenize', requestId, names,
          options: { vault: Boolean(options.vault), cardholderName: options.cardholderName, billingAddress: options.billingAddress },
        });
      });
      if (answer.error) throw this._failureFrom(answer.error);
      const card = answer.payload;
      return {
        nonce: card.nonce, type: card.type || 'CreditCard', description: card.description || '', details: card.details || {},
        binData: card.binData || {}, threeDSecureInfo: card.threeDSecureInfo || undefined,
      };
    }

    _failureFrom(error) {
      if (error.code === 'HOSTED_FIELDS_FIELDS_INVALID') {
        const invalidFields = Object.fromEntries(error.keys.map((name) => [name, this._fields[name].container]));
        return failure(error.code, { invalidFieldKeys: error.keys, invalidFields });
      }
      const codes = JSON.stringify(error.content || {});
      if (codes.includes('"81724"')) return failure('HOSTED_FIELDS_TOKENIZATION_FAIL_ON_DUPLICATE', { originalError: error.content });
      if (codes.includes('"81736"')) return failure('HOSTED_FIELDS_TOKENIZATION_CVV_VERIFICATION_FAILED', { originalError: error.content });
      const details = error.status ? { httpStatus: error.status, originalError: { details: { httpStatus: error.status, originalError: error.content } } } : undefined;
      return failure(error.code, details);
    }

    teardown(callback) {
      const promise = this._gone ? Promise.reject(failure('METHOD_CALLED_AFTER_TEARDOWN')) : Promise.resolve();
      this._gone = true;
      clearTimeout(this._timer);
      window.removeEventListener('message', this._listen);
      for (const { frame, container } of Object.values(this._fields)) {
        if (frame) frame.remove();
        container.classList.remove('braintree-hosted-fields-focused', 'braintree-hosted-fields-valid', 'braintree-hosted-fields-invalid');
      }
      for (const settle of this._waiting.values()) settle({ error: { code: 'HOSTED_FIELDS_TOKENIZATION_NETWORK_ERROR' } });
      this._waiting.clear();
      return braintree.client.answerBy(promise, callback);
    }
  }

  async function create(options) {
    if (!options || !options.client || !options.fields || !Object.keys(options.fields).length) throw failure('INSTANTIATION_OPTION_REQUIRED');
    const instance = new HostedFields(options, options.client.getConfiguration().gatewayConfiguration);
    try {
      return await instance.build();
    } catch (error) {
      instance.teardown();
      throw error;
    }
  }

  braintree.hostedFields = { VERSION, supportsInputFormatting: () => true, create: (options, callback) => braintree.client.answerBy(create(options), callback) };
}());
