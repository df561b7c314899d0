/* card_fields.js: a new card is typed here. The number lives in iframes of the gateway; this page only ever holds a nonce.
 *
 * The same file works with Braintree and with the simulator; only data-script-base differs. It has no text of its own
 * (each sentence is a data attribute, translated by the server), no inline code or style attribute: it runs under
 * script-src 'self' 'nonce-...' <script origin>; frame-src <frame origin>; connect-src 'self' <gateway>; style-src 'self'.
 *
 * MARKUP. One <form novalidate data-card-fields>; no answer to it swaps the form itself or its card fields.
 *   form    data-script-base          address of client.min.js and hosted-fields.min.js, without their names
 *           data-client-token         the client token, or data-client-token-url: GET, answers {"client_token": "..."}
 *           data-text-checking        said while the card is checked
 *           data-text-error-heading, data-text-error-title ("Error: "), data-text-try-again (name of a button)
 *           data-text-network (no answer, nothing charged), data-text-unavailable, data-text-refused (not this card)
 *           data-client-integrity, data-hosted-fields-integrity   optional hashes of the two scripts
 *   inside  input[name=method]        radios or hidden; a card is asked for when it says "new", or when there is none
 *           input[name=card_nonce]    hidden; filled for one submit, emptied after it
 *           [data-card-detail]        optional hidden inputs: lastFour, cardType, expirationMonth, expirationYear
 *           [data-tokenize]           optional ordinary inputs: cardholderName, billingAddress.postalCode ...
 *           [data-card-section]       all about a new card; hidden while another method is chosen
 *           [data-card-entry] hidden  the fields; shown when this script runs
 *           [data-card-fields-unavailable]   shown by the server (what to do without script), hidden by this script,
 *                                     shown again when the fields cannot be opened; [data-card-retry] hidden: a button
 *           [data-card-status]        role=status, empty
 *   field   <div id="card-number" class="card-field" data-card-field="number" data-label data-error-empty
 *           data-error-invalid [data-iframe-title] [data-placeholder] [data-prefill]></div>: empty, of fixed height; one each of
 *           number, expirationDate, cvv, postalCode, cardholderName, as wanted. cvv: [data-hint-amex] [data-error-invalid-amex]
 *           #card-number-label        visible, a span (nothing here can be its "for"); a press focuses the field
 *           #card-number-hint         optional, read inside the frame too; #card-number-error hidden: <p class="field-error">
 *   page    #error-summary            outside or inside the form; filled and focused
 *   CSS     .card-field iframe { color-scheme: light } keeps frames see-through in the dark. Ring: .braintree-hosted-fields-focused.
 *           Wrong: .card-field[data-wrong]. The text takes colour, font and size of the container, its placeholder --card-placeholder.
 *
 * HTMX. A submit is caught on its way down to the form (capture), before htmx, which listens on the form itself. Once
 * the nonce is there the form is submitted again by requestSubmit() and let through once: boosted or plain, the same
 * way. The gateway's scripts are added on demand with the nonce of this file's own tag, because a page brought by a
 * swap runs none. A page brought by a swap keeps the policy of the first page: if that forbids the gateway, the page
 * is loaded anew, once. */
(function () {
  'use strict';

  if (window.paydoorCardFields) return;
  window.paydoorCardFields = true;

  const scriptNonce = document.currentScript ? document.currentScript.nonce : '';
  const OPEN_TIMEOUT_MS = 20000;
  const CHECK_TIMEOUT_MS = 30000;
  const SENT_TIMEOUT_MS = 30000;
  const byForm = new Map();
  const loading = new Map();

  const within = (promise, milliseconds) => new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('timeout')), milliseconds);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });

  /** The status of the gateway's answer behind an error of its script, wherever it was put. */
  function gatewayStatus({ details }) {
    const cause = (details && details.originalError) || {};
    return (details && details.httpStatus) || cause.httpStatus || (cause.details && cause.details.httpStatus);
  }

  function addScript(address, integrity) {
    return new Promise((resolve, reject) => {
      const script = document.createElement('script');
      script.nonce = scriptNonce;
      script.async = false;
      if (integrity) {
        script.integrity = integrity;
        script.crossOrigin = 'anonymous';
      }
      script.onload = resolve;
      script.onerror = () => { script.remove(); reject(new Error('script not loaded')); };
      script.src = address;
      document.head.append(script);
    });
  }

  /** The two scripts of the gateway, once per document; a failure is forgotten so that a second try may succeed. */
  function loadGateway({ scriptBase, clientIntegrity, hostedFieldsIntegrity }) {
    if (window.braintree && window.braintree.client && window.braintree.hostedFields) return Promise.resolve();
    if (!loading.has(scriptBase)) {
      const both = Promise.all([
        addScript(scriptBase + '/client.min.js', clientIntegrity),
        addScript(scriptBase + '/hosted-fields.min.js', hostedFieldsIntegrity),
      ]).then(() => { if (!window.braintree || !window.braintree.hostedFields) throw new Error('no gateway script'); });
      both.catch(() => loading.delete(scriptBase));
      loading.set(scriptBase, both);
    }
    return loading.get(scriptBase);
  }

  class CardForm {
    constructor(form, arrivedBySwap) {
      this.form = form;
      this.arrivedBySwap = arrivedBySwap;
      this.phase = 'idle'; // idle, checking (the gateway), letting through (our own resubmit), sent (the server)
      this.containers = new Map([...form.querySelectorAll('[data-card-field]')].map((element) => [element.dataset.cardField, element]));
      for (const [name, container] of this.containers) {
        const label = this.part(container, 'label');
        if (label) label.addEventListener('click', () => this.focus(name));
      }
      const retry = this.find('[data-card-retry]');
      if (retry) retry.addEventListener('click', () => { retry.hidden = true; this.open(); });
      this.show();
      this.open();
    }

    find(selector) { return this.form.querySelector(selector); }

    part(container, name) { return document.getElementById(container.id + '-' + name); }

    input(name) { return this.form.elements.namedItem(name); }

    wantsCard() {
      const method = this.input('method');
      return !method || method.value === 'new';
    }

    /** Hide what concerns a new card while another method is chosen. */
    show() {
      const section = this.find('[data-card-section]');
      if (section) section.hidden = !this.wantsCard();
    }

    isWhole() { return this.form.isConnected && [...this.containers.values()].every((container) => container.isConnected); }

    setState(state) {
      this.form.dataset.cardState = state;
      const unavailable = this.find('[data-card-fields-unavailable]');
      if (unavailable) unavailable.hidden = state !== 'unavailable';
      const retry = this.find('[data-card-retry]');
      if (retry) retry.hidden = state !== 'unavailable';
      const entry = this.find('[data-card-entry]');
      if (entry) entry.hidden = state === 'unavailable';
    }

    say(text) {
      const status = this.find('[data-card-status]');
      if (status) status.textContent = text;
    }

    open() {
      this.setState('loading');
      this.say('');
      this.fields = null;
      this.ready = within(this.build(), OPEN_TIMEOUT_MS).then(() => this.setState('ready'), () => {
        this.close();
        this.setState('unavailable');
        if (this.wantsCard() && this.form.isConnected) this.say(this.form.dataset.textUnavailable);
      });
      return this.ready;
    }

    async build() {
      const attempt = this.attempt = {};
      await loadGateway(this.form.dataset);
      const client = await window.braintree.client.create({ authorization: await this.clientToken() });
      const fields = await window.braintree.hostedFields.create({ client, styles: this.styles(), fields: this.wanted() });
      if (attempt !== this.attempt) { // given up meanwhile: the page was left or a new try began
        fields.teardown();
        return;
      }
      this.fields = fields;
      for (const container of this.containers.values()) {
        const frame = container.querySelector('iframe');
        if (frame) frame.style.setProperty('color-scheme', 'light');
      }
      fields.on('validityChange', ({ emittedBy, fields: { [emittedBy]: state } }) => { if (state.isValid) this.mark(emittedBy, ''); });
      fields.on('cardTypeChange', ({ cards }) => this.describeCode(cards));
      fields.on('inputSubmitRequest', () => this.form.requestSubmit(this.buttons()[0]));
      for (const name of this.containers.keys()) this.mark(name, '');
    }

    async clientToken() {
      if (this.form.dataset.clientToken) return this.form.dataset.clientToken;
      const answer = await fetch(this.form.dataset.clientTokenUrl, { headers: { Accept: 'application/json' }, credentials: 'same-origin', cache: 'no-store' });
      if (!answer.ok) throw new Error('no client token');
      return (await answer.json()).client_token;
    }

    wanted() {
      return Object.fromEntries([...this.containers].map(([name, container]) => [name, {
        container, internalLabel: container.dataset.label, iframeTitle: container.dataset.iframeTitle || container.dataset.label,
        placeholder: container.dataset.placeholder || undefined, prefill: container.dataset.prefill || undefined,
      }]));
    }

    styles() {
      const container = this.containers.values().next().value;
      const look = getComputedStyle(container);
      this.look = { color: look.color, background: look.backgroundColor };
      const styles = { input: { color: look.color, 'font-size': look.fontSize, 'font-family': look.fontFamily } };
      const placeholder = look.getPropertyValue('--card-placeholder').trim();
      if (placeholder) styles['::placeholder'] = { color: placeholder };
      return styles;
    }

    /** Light became dark or the reverse: frames cannot be restyled, so empty ones are made anew and others keep their ground. */
    relook() {
      const color = this.fields && getComputedStyle(this.containers.values().next().value).color;
      if (!color || color === this.look.color) return;
      if (Object.values(this.fields.getState().fields).every((field) => field.isEmpty) && this.phase === 'idle') {
        this.close();
        this.open();
      } else {
        for (const container of this.containers.values()) container.style.backgroundColor = this.look.background;
      }
    }

    close() {
      this.attempt = null;
      if (this.fields) this.fields.teardown();
      this.fields = null;
      for (const container of this.containers.values()) {
        container.replaceChildren();
        container.style.removeProperty('background-color');
      }
    }

    focus(name) {
      if (this.fields && this.containers.has(name)) this.fields.focus(name);
    }

    describeCode(cards) {
      this.isAmex = cards.length === 1 && cards[0].code.size === 4;
      const container = this.containers.get('cvv');
      const hint = container && this.part(container, 'hint');
      if (!hint || !container.dataset.hintAmex) return;
      if (!container.dataset.hint) container.dataset.hint = hint.textContent;
      hint.textContent = this.isAmex ? container.dataset.hintAmex : container.dataset.hint;
      if (!container.dataset.wrong) this.mark('cvv', '');
    }

    /** Show a sentence at a field, outside the frame and for the reader inside it; an empty one takes it away. */
    mark(name, sentence) {
      const container = this.containers.get(name);
      if (!container) return;
      const error = this.part(container, 'error');
      if (error) {
        error.textContent = sentence;
        error.hidden = !sentence;
      }
      if (sentence) container.dataset.wrong = 'true';
      else delete container.dataset.wrong;
      if (!this.fields) return;
      const hint = this.part(container, 'hint');
      this.fields.setMessage({ field: name, message: sentence || (hint ? hint.textContent : '') });
      if (sentence) this.fields.setAttribute({ field: name, attribute: 'aria-invalid', value: 'true' });
      else this.fields.removeAttribute({ field: name, attribute: 'aria-invalid' });
    }

    /** Every wrong field with its sentence, in the order of the page. */
    wrongFields() {
      const { fields } = this.fields.getState();
      return [...this.containers].filter(([name]) => !fields[name].isValid).map(([name, { dataset }]) => {
        const invalid = (this.isAmex && dataset.errorInvalidAmex) || dataset.errorInvalid;
        return [name, fields[name].isEmpty ? dataset.errorEmpty : invalid];
      });
    }

    buttons() { return [...this.form.elements].filter((element) => element.type === 'submit' || element.type === 'image'); }

    setPhase(phase) {
      this.phase = phase;
      clearTimeout(this.timer);
      for (const button of this.buttons()) {
        for (const mark of ['aria-disabled', 'data-busy']) {
          if (phase === 'idle') button.removeAttribute(mark);
          else button.setAttribute(mark, 'true');
        }
      }
      if (phase === 'idle') this.say('');
      if (phase === 'sent') this.timer = setTimeout(() => this.release(), SENT_TIMEOUT_MS);
    }

    /** The answer came, or the person came back: the nonce is spent and the button works again. */
    release() {
      this.fill({ nonce: '', details: {} });
      this.setPhase('idle');
    }

    fill({ nonce, details }) {
      const input = this.input('card_nonce');
      if (input) input.value = nonce;
      for (const element of this.form.querySelectorAll('[data-card-detail]')) element.value = details[element.dataset.cardDetail] || '';
    }

    tokenizeOptions() {
      const options = {};
      for (const { dataset, value } of this.form.querySelectorAll('[data-tokenize]')) {
        const [name, part] = dataset.tokenize.split('.');
        if (!value) continue;
        if (part) options[name] = { ...options[name], [part]: value };
        else options[name] = value;
      }
      return options;
    }

    summary() { return document.getElementById('error-summary'); }

    clearProblems() {
      for (const name of this.containers.keys()) this.mark(name, '');
      const summary = this.summary();
      if (summary && summary.dataset.cardSummary) {
        summary.replaceChildren();
        summary.hidden = true;
        delete summary.dataset.cardSummary;
      }
      const prefix = this.form.dataset.textErrorTitle;
      if (prefix && document.title.startsWith(prefix)) document.title = document.title.slice(prefix.length);
    }

    /** `problems`: [field name or null, sentence]; without a field a button offers another try. */
    report(problems, submitter) {
      const { textErrorHeading, textErrorTitle, textTryAgain } = this.form.dataset;
      for (const [name, sentence] of problems) if (name) this.mark(name, sentence);
      if (textErrorTitle && !document.title.startsWith(textErrorTitle)) document.title = textErrorTitle + document.title;
      const summary = this.summary();
      if (!summary) {
        if (problems[0][0]) this.focus(problems[0][0]);
        else this.say(problems[0][1]);
        return;
      }
      const heading = document.createElement('h2');
      heading.textContent = textErrorHeading;
      const list = document.createElement('ul');
      for (const [name, sentence] of problems) {
        const item = document.createElement('li');
        const link = document.createElement(name ? 'a' : 'span');
        if (name) link.href = '#' + this.containers.get(name).id;
        link.textContent = sentence;
        item.append(link);
        list.append(item);
      }
      summary.replaceChildren(heading, list);
      if (!problems[0][0]) {
        const again = document.createElement('button');
        again.type = 'button';
        again.textContent = textTryAgain;
        again.addEventListener('click', () => this.form.requestSubmit(submitter && submitter.isConnected ? submitter : undefined));
        summary.append(again);
      }
      summary.dataset.cardSummary = 'true';
      summary.hidden = false;
      summary.tabIndex = -1;
      summary.focus();
    }

    /** The submit event, before anybody else sees it. */
    catch(event) {
      if (this.phase === 'letting through') return;
      if (this.phase === 'idle' && !this.wantsCard()) {
        this.clearProblems();
        this.fill({ nonce: '', details: {} });
        return;
      }
      event.preventDefault();
      event.stopImmediatePropagation();
      if (this.phase === 'idle') this.check(event.submitter);
    }

    async check(submitter) {
      this.clearProblems();
      this.setPhase('checking');
      this.say(this.form.dataset.textChecking);
      const problems = await this.tokenize();
      if (!this.isWhole()) return;
      if (problems.length) {
        this.setPhase('idle');
        this.report(problems, submitter);
        return;
      }
      this.setPhase('letting through');
      this.form.requestSubmit(submitter && submitter.form === this.form ? submitter : undefined);
      this.setPhase('sent');
    }

    /** Fill the nonce; answers the problems that kept it from being made. */
    async tokenize() {
      const { textUnavailable, textNetwork, textRefused } = this.form.dataset;
      if (!this.fields && this.form.dataset.cardState === 'unavailable') this.open();
      await this.ready;
      if (!this.fields) return [[null, textUnavailable]];
      const wrong = this.wrongFields();
      if (wrong.length) return wrong;
      try {
        this.fill(await within(this.fields.tokenize(this.tokenizeOptions()), CHECK_TIMEOUT_MS));
        return [];
      } catch (error) {
        const found = this.wrongFields();
        if (found.length) return found;
        const status = gatewayStatus(error);
        if (error.code === 'HOSTED_FIELDS_FAILED_TOKENIZATION' && status !== 401 && status !== 403) return [['number', textRefused]];
        if (status === 401 || status === 403) { // the token is over: new fields with a new one
          this.close();
          this.open();
        }
        return [[null, textNetwork]];
      }
    }
  }

  /** Forms that came are opened, forms that went are closed. */
  function look(arrivedBySwap) {
    for (const [form, card] of byForm) {
      if (card.isWhole()) {
        card.show();
      } else {
        card.close();
        byForm.delete(form);
      }
    }
    for (const form of document.querySelectorAll('form[data-card-fields]')) {
      if (!byForm.has(form)) byForm.set(form, new CardForm(form, arrivedBySwap));
    }
  }

  document.addEventListener('submit', (event) => {
    const card = byForm.get(event.target);
    if (card) card.catch(event);
  }, true);
  document.addEventListener('change', (event) => { if (event.target.name === 'method') byForm.forEach((card) => card.show()); });
  document.addEventListener('click', (event) => {
    const link = event.target.closest('a[href^="#"]');
    if (!link) return;
    for (const card of byForm.values()) {
      for (const [name, container] of card.containers) {
        if (container.id !== link.hash.slice(1)) continue;
        event.preventDefault();
        card.focus(name);
      }
    }
  });
  document.addEventListener('htmx:after:swap', () => look(true));
  document.addEventListener('htmx:finally:request', ({ detail: { ctx } }) => {
    const card = byForm.get(ctx.request && ctx.request.form) || byForm.get(ctx.sourceElement);
    // keepIndicators: the answer sends the browser elsewhere, and until it is there the button stays busy
    if (card && card.phase === 'sent' && !ctx.keepIndicators) card.release();
  });
  document.addEventListener('securitypolicyviolation', (event) => {
    if (!/^(frame|script|connect|child)-src/.test(event.effectiveDirective)) return;
    for (const card of byForm.values()) if (card.arrivedBySwap && card.form.dataset.cardState === 'loading') location.reload();
  });
  window.addEventListener('pageshow', (event) => { if (event.persisted) byForm.forEach((card) => card.release()); });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => byForm.forEach((card) => card.relook()));
  new MutationObserver(() => byForm.forEach((card) => card.relook())).observe(document.documentElement, { attributeFilter: ['data-theme'] });

  if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', () => look(false));
  else look(false);
}());
