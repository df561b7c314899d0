/* One hosted field: runs inside an iframe of the simulator's own origin and holds what is typed there.
 * The page around it is told whether the field is empty, focused or valid, never what it says. The frame of the
 * card number asks its sisters for their values over a MessageChannel and sends the card to the gateway itself. */
(function () {
  'use strict';

  const rules = window.cardRules;
  const [instanceId, fieldName, encodedOrigin] = location.hash.slice(1).split('/');
  const pageOrigin = decodeURIComponent(encodedOrigin || '');
  if (window.parent === window || !pageOrigin) return;

  const INPUTS = {
    number: { id: 'credit-card-number', autocomplete: 'cc-number', numeric: true, maxLength: 28 },
    cvv: { id: 'cvv', autocomplete: 'cc-csc', numeric: true, maxLength: 4 },
    expirationDate: { id: 'expiration', autocomplete: 'cc-exp', numeric: true, maxLength: 9 },
    expirationMonth: { id: 'expiration-month', autocomplete: 'cc-exp-month', numeric: true, maxLength: 2 },
    expirationYear: { id: 'expiration-year', autocomplete: 'cc-exp-year', numeric: true, maxLength: 4 },
    postalCode: { id: 'postal-code', autocomplete: 'billing postal-code', numeric: false, maxLength: 10 },
    cardholderName: { id: 'cardholder-name', autocomplete: 'cc-name', numeric: false, maxLength: 255 },
  };
  const STYLE_PROPERTIES = /^(appearance|box-shadow|caret-color|color|color-scheme|direction|font|font-(family|feature-settings|kerning|size|size-adjust|stretch|style|variant|variant-(alternates|caps|east-asian|ligatures|numeric)|weight)|letter-spacing|line-height|margin(-(top|right|bottom|left))?|opacity|outline|padding(-(top|right|bottom|left))?|text-align|text-shadow|transition|-(moz|webkit)-(appearance|box-shadow|font-smoothing|tap-highlight-color|transition)|-moz-osx-font-smoothing|-webkit-text-fill-color)$/;
  const ATTRIBUTES = ['aria-invalid', 'aria-required', 'disabled', 'placeholder'];

  const kind = INPUTS[fieldName];
  const input = document.getElementById('field');
  const label = document.getElementById('field-label');
  const message = document.getElementById('field-message');
  let settings = {};
  let codeSizes = rules.codeSizes([]);
  let brands = rules.brandsFor('');
  let isFocused = false;
  let last = { isEmpty: true, isValid: false, isPotentiallyValid: true };

  const tellPage = (note) => window.parent.postMessage({ ...note, hostedFields: instanceId, field: fieldName }, pageOrigin);

  function judge() {
    const text = input.value;
    switch (fieldName) {
      case 'number': return rules.judgeNumber(text);
      case 'cvv': return rules.judgeCode(text, codeSizes);
      case 'expirationDate': return rules.judgeDate(text, new Date());
      case 'expirationMonth': return { isValid: /^(0?[1-9]|1[0-2])$/.test(text), isPotentiallyValid: /^(0?[1-9]?|1[0-2])$/.test(text) };
      case 'expirationYear': return { isValid: rules.judgeDate('12/' + text, new Date()).isValid, isPotentiallyValid: /^[0-9]{0,4}$/.test(text) };
      case 'postalCode': return rules.judgePostalCode(text, settings.minlength || 3);
      default: return rules.judgeName(text);
    }
  }

  function state() {
    const isEmpty = input.value.trim() === '';
    return { isFocused, isEmpty, ...(isEmpty ? { isValid: false, isPotentiallyValid: true } : judge()) };
  }

  const emit = (type) => tellPage({ kind: 'event', type, state: state(), cards: fieldName === 'number' ? brands.map(rules.describe) : undefined });

  /** Tell the page of everything that changed since the last look. */
  function review() {
    const now = state();
    input.classList.toggle('valid', now.isValid);
    input.classList.toggle('invalid', !now.isPotentiallyValid);
    const before = last;
    last = now;
    if (fieldName === 'number') {
      const found = rules.brandsFor(rules.digitsOf(input.value));
      const changed = found.map((brand) => brand.type).join() !== brands.map((brand) => brand.type).join();
      brands = found;
      if (changed) emit('cardTypeChange');
    }
    if (now.isEmpty !== before.isEmpty) emit(now.isEmpty ? 'empty' : 'notEmpty');
    if (now.isValid !== before.isValid || now.isPotentiallyValid !== before.isPotentiallyValid) emit('validityChange');
  }

  /** Group the digits and keep the caret behind the digit it was behind. */
  function reformat(isDeleting) {
    const before = input.value;
    let after = before;
    if (fieldName === 'number') after = rules.formatNumber(before);
    else if (fieldName === 'expirationDate') after = rules.formatDate(before, isDeleting);
    else if (kind.numeric) after = rules.digitsOf(before);
    if (after === before) return;
    const caret = input.selectionStart;
    const atEnd = caret === before.length;
    const digitsBeforeCaret = rules.digitsOf(before.slice(0, caret)).length;
    input.value = after;
    let place = after.length;
    if (!atEnd) {
      for (place = 0; place < after.length && rules.digitsOf(after.slice(0, place)).length < digitsBeforeCaret;) place += 1;
    }
    if (document.activeElement === input) input.setSelectionRange(place, place);
  }

  function setStyles(styles, sheet) {
    for (const [selector, properties] of Object.entries(styles || {})) {
      if (selector.startsWith('@media')) {
        const inside = new CSSStyleSheet({ media: selector.slice(6).trim() });
        setStyles(properties, inside);
        document.adoptedStyleSheets = [...document.adoptedStyleSheets, inside];
        continue;
      }
      if (!/^[\w\s.:#>*,()-]+$/.test(selector)) continue;
      let rule;
      try {
        rule = sheet.cssRules[sheet.insertRule(selector + ' {}', sheet.cssRules.length)];
      } catch {
        continue; // a selector this browser does not know styles nothing
      }
      for (const [name, value] of Object.entries(properties)) {
        const property = name.replace(/[A-Z]/g, (letter) => '-' + letter.toLowerCase());
        if (!STYLE_PROPERTIES.test(property)) continue;
        rule.style.setProperty(property, String(value));
        if (property === 'color-scheme') document.documentElement.style.setProperty(property, String(value));
      }
    }
  }

  function prepare(wanted) {
    settings = wanted;
    const own = wanted.config || {};
    document.documentElement.lang = wanted.lang || 'en';
    document.title = own.internalLabel || wanted.label;
    label.textContent = own.internalLabel || wanted.label;
    label.htmlFor = kind.id;
    message.id = 'field-description-' + fieldName;
    Object.assign(input, { id: kind.id, name: kind.id, autocomplete: kind.autocomplete, maxLength: kind.maxLength, type: own.type === 'password' || own.maskInput ? 'password' : 'text' });
    if (kind.numeric) {
      input.inputMode = 'numeric';
    }
    if (own.placeholder) input.placeholder = own.placeholder;
    input.className = fieldName;
    input.spellcheck = false;
    input.setAttribute('autocorrect', 'off');
    input.setAttribute('aria-describedby', message.id);
    const sheet = new CSSStyleSheet();
    document.adoptedStyleSheets = [sheet];
    setStyles(wanted.styles, sheet);
    if (own.prefill && fieldName !== 'number' && fieldName !== 'cvv') {
      input.value = own.prefill;
      reformat(false);
      review();
    }
    tellPage({ kind: 'prepared', state: state(), cards: fieldName === 'number' ? brands.map(rules.describe) : undefined });
  }

  /** The frame of another field of this form, found among the page's frames; only our own origin lets us look. */
  function sister(name) {
    for (let place = 0; place < window.parent.frames.length; place += 1) {
      try {
        const frame = window.parent.frames[place];
        if (frame.location.origin === location.origin && frame.location.hash.startsWith('#' + instanceId + '/' + name + '/')) return frame;
      } catch {
        // a frame of another origin is not ours to read
      }
    }
    return null;
  }

  function ask(name) {
    if (name === fieldName) return Promise.resolve({ name, value: input.value, ...state() });
    return new Promise((resolve, reject) => {
      const frame = sister(name);
      if (!frame) { reject(new Error('no frame for ' + name)); return; }
      const channel = new MessageChannel();
      channel.port1.onmessage = (event) => { channel.port1.close(); resolve({ name, ...event.data }); };
      frame.postMessage({ hostedFields: instanceId, kind: 'ask' }, location.origin, [channel.port2]);
    });
  }

  function cardFrom(answers, options) {
    const card = {};
    for (const { name, value } of answers) {
      if (name === 'number') card.number = rules.digitsOf(value);
      else if (name === 'cvv') card.cvv = value;
      else if (name === 'expirationDate') {
        const date = rules.readDate(value);
        card.expirationMonth = date.month;
        card.expirationYear = date.year;
      } else if (name === 'postalCode') card.billingAddress = { postalCode: value.trim() };
      else card[name] = value.trim();
    }
    if (options.cardholderName) card.cardholderName = options.cardholderName;
    if (options.billingAddress) card.billingAddress = { ...options.billingAddress, ...card.billingAddress };
    card.options = { validate: Boolean(options.vault) };
    return card;
  }

  async function tokenize(names, options) {
    const answers = await Promise.all(names.map(ask));
    if (answers.every((answer) => answer.isEmpty)) return { error: { code: 'HOSTED_FIELDS_FIELDS_EMPTY' } };
    const wrong = answers.filter((answer) => !answer.isValid).map((answer) => answer.name);
    if (wrong.length) return { error: { code: 'HOSTED_FIELDS_FIELDS_INVALID', keys: wrong } };
    const body = {
      ...settings.authorization, creditCard: cardFrom(answers, options),
      _meta: { source: 'client', integration: 'custom', sessionId: instanceId },
    };
    let answer;
    let content;
    try {
      answer = await fetch(settings.clientApiUrl + '/v1/payment_methods/credit_cards', {
        method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body), credentials: 'omit',
      });
      content = await answer.json();
    } catch {
      return { error: { code: 'HOSTED_FIELDS_TOKENIZATION_NETWORK_ERROR' } };
    }
    if (answer.ok && content.creditCards) return { payload: content.creditCards[0] };
    if (answer.status >= 500) return { error: { code: 'HOSTED_FIELDS_TOKENIZATION_NETWORK_ERROR', status: answer.status } };
    return { error: { code: 'HOSTED_FIELDS_FAILED_TOKENIZATION', status: answer.status, content } };
  }

  const ORDERS = {
    init: prepare,
    focus: () => input.focus(),
    clear: () => { input.value = ''; review(); },
    sizes: (order) => { codeSizes = order.sizes; input.maxLength = Math.max(...order.sizes); review(); },
    message: (order) => { message.textContent = order.message; },
    addClass: (order) => input.classList.add(...order.classname.split(/\s+/)),
    removeClass: (order) => input.classList.remove(...order.classname.split(/\s+/)),
    setAttribute: (order) => { if (ATTRIBUTES.includes(order.attribute)) input.setAttribute(order.attribute, order.value); },
    removeAttribute: (order) => { if (ATTRIBUTES.includes(order.attribute)) input.removeAttribute(order.attribute); },
    tokenize: async (order) => {
      let outcome;
      try {
        outcome = await tokenize(order.names, order.options);
      } catch {
        outcome = { error: { code: 'HOSTED_FIELDS_TOKENIZATION_NETWORK_ERROR' } };
      }
      tellPage({ kind: 'tokenized', requestId: order.requestId, ...outcome });
    },
  };

  window.addEventListener('message', (event) => {
    const order = event.data || {};
    if (order.hostedFields !== instanceId) return;
    if (order.kind === 'ask') {
      if (event.origin === location.origin) event.ports[0].postMessage({ value: input.value, ...state() });
      return;
    }
    if (event.origin === pageOrigin && event.source === window.parent && Object.hasOwn(ORDERS, order.kind)) ORDERS[order.kind](order);
  });
  input.addEventListener('input', (event) => {
    reformat((event.inputType || '').startsWith('delete'));
    review();
  });
  input.addEventListener('focus', () => { isFocused = true; emit('focus'); });
  input.addEventListener('blur', () => {
    isFocused = false;
    if (fieldName === 'expirationDate') {
      const date = rules.readDate(input.value); // "5 / 31" is shown as it was understood
      if (date) input.value = date.month + ' / ' + (input.value.trim().length > 7 ? date.year : date.year.slice(2));
    }
    emit('blur');
  });
  input.addEventListener('keydown', (event) => { if (event.key === 'Enter') emit('inputSubmitRequest'); });
  // A press beside the text, on the padding of the frame, is meant for the input.
  document.addEventListener('click', () => { if (document.activeElement !== input) input.focus(); });

  tellPage({ kind: 'ready' });
}());
