/* What a card number, a date and a security code look like: brands, lengths, grouping, check digit.
 * Loaded by the frames of the hosted fields before their own script. Pure functions: no page, no network. */
(function () {
  'use strict';

  // prefixes: a string, or [low, high] of equal length. gaps: how many digits stand before each space.
  const BRANDS = [
    { type: 'visa', niceType: 'Visa', prefixes: ['4'], lengths: [16, 18, 19], gaps: [4, 8, 12], code: ['CVV', 3] },
    { type: 'mastercard', niceType: 'Mastercard', prefixes: [['51', '55'], ['2221', '2720']], lengths: [16], gaps: [4, 8, 12], code: ['CVC', 3] },
    { type: 'american-express', niceType: 'American Express', prefixes: ['34', '37'], lengths: [15], gaps: [4, 10], code: ['CID', 4] },
    { type: 'diners-club', niceType: 'Diners Club', prefixes: [['300', '305'], '36', '38', '39'], lengths: [14, 16, 19], gaps: [4, 10], code: ['CVV', 3] },
    { type: 'discover', niceType: 'Discover', prefixes: ['6011', ['644', '649'], '65'], lengths: [16, 19], gaps: [4, 8, 12], code: ['CID', 3] },
    { type: 'jcb', niceType: 'JCB', prefixes: ['2131', '1800', ['3528', '3589']], lengths: [16, 17, 18, 19], gaps: [4, 8, 12], code: ['CVV', 3] },
    { type: 'unionpay', niceType: 'UnionPay', prefixes: ['62', '81'], lengths: [14, 15, 16, 17, 18, 19], gaps: [4, 8, 12], code: ['CVN', 3], anyCheckDigit: true },
    { type: 'maestro', niceType: 'Maestro', prefixes: [['500', '506'], ['56', '58'], '6304', '6390', '67'], lengths: [12, 13, 14, 15, 16, 17, 18, 19], gaps: [4, 8, 12], code: ['CVC', 3] },
  ];
  const YEARS_AHEAD = 19;

  const digitsOf = (text) => text.replace(/[^0-9]/g, '');

  function prefixFits(prefix, digits) {
    const [low, high] = Array.isArray(prefix) ? prefix : [prefix, prefix];
    const length = Math.min(low.length, digits.length);
    const head = digits.slice(0, length);
    return head >= low.slice(0, length) && head <= high.slice(0, length);
  }

  /** The brands these digits may still become; all of them for an empty field. */
  function brandsFor(digits) {
    return BRANDS.filter((brand) => brand.prefixes.some((prefix) => prefixFits(prefix, digits)));
  }

  /** What the page that holds the frames is told of a brand. */
  function describe(brand) {
    return {
      niceType: brand.niceType, type: brand.type, lengths: brand.lengths.slice(), gaps: brand.gaps.slice(),
      code: { name: brand.code[0], size: brand.code[1] }, supported: true,
    };
  }

  function checkDigitFits(digits) {
    let sum = 0;
    for (let place = 0; place < digits.length; place += 1) {
      let digit = Number(digits[digits.length - 1 - place]);
      if (place % 2 === 1) digit = digit > 4 ? digit * 2 - 9 : digit * 2;
      sum += digit;
    }
    return sum % 10 === 0;
  }

  function judgeNumber(text) {
    const digits = digitsOf(text);
    const brands = brandsFor(digits);
    if (brands.length === 0) return { isValid: false, isPotentiallyValid: false };
    const isValid = brands.some((brand) => brand.lengths.includes(digits.length)
      && (brand.anyCheckDigit || checkDigitFits(digits)));
    const longest = Math.max(...brands.flatMap((brand) => brand.lengths));
    return { isValid, isPotentiallyValid: isValid || digits.length < longest };
  }

  function formatNumber(text) {
    const brands = brandsFor(digitsOf(text));
    const brand = brands.length === 1 ? brands[0] : { gaps: [4, 8, 12], lengths: [19] };
    const digits = digitsOf(text).slice(0, Math.max(...brand.lengths));
    let formatted = '';
    for (let place = 0; place < digits.length; place += 1) {
      if (brand.gaps.includes(place)) formatted += ' ';
      formatted += digits[place];
    }
    return formatted;
  }

  /** {month, year} of "5/31", "05 / 2031", "0531", "052031" or "2031-05"; null when it is none of them. */
  function readDate(text) {
    const trimmed = text.trim();
    let found = trimmed.match(/^([0-9]{4})-([0-9]{1,2})$/);
    if (found) return monthOfYear(found[2], found[1]);
    found = trimmed.match(/^([0-9]{1,2})\s*[/\-. ]\s*([0-9]{2}|[0-9]{4})$/) || trimmed.match(/^([0-9]{2})([0-9]{2}|[0-9]{4})$/);
    return found ? monthOfYear(found[1], found[2]) : null;
  }

  function monthOfYear(monthText, yearText) {
    const month = Number(monthText);
    const year = yearText.length === 2 ? 2000 + Number(yearText) : Number(yearText);
    if (month < 1 || month > 12) return null;
    return { month: String(month).padStart(2, '0'), year: String(year) };
  }

  function judgeDate(text, now) {
    const read = readDate(text);
    if (!read) {
      const plausible = /^(0?[1-9]?|1[0-2])(\s*\/\s*[0-9]{0,3})?$/.test(text.trim()) || /^[0-9]{4}-?[0-9]?$/.test(text.trim());
      return { isValid: false, isPotentiallyValid: plausible };
    }
    const months = (Number(read.year) - now.getFullYear()) * 12 + Number(read.month) - 1 - now.getMonth();
    const isValid = months >= 0 && months <= YEARS_AHEAD * 12;
    // "05 / 20" may still become "05 / 2031".
    const mayGrow = /\/\s*20$/.test(text.trim());
    return { isValid, isPotentiallyValid: isValid || mayGrow };
  }

  function formatDate(text, isDeleting) {
    if (/^\s*[0-9]{4}-[0-9]{0,2}\s*$/.test(text)) {
      const read = readDate(text);
      return read ? read.month + ' / ' + read.year : text.trim();
    }
    const typedSlash = text.includes('/');
    const parts = text.split('/');
    let month = digitsOf(parts[0]);
    let year = digitsOf(parts.slice(1).join(''));
    if (month.length > 2) {
      year = month.slice(2) + year;
      month = month.slice(0, 2);
    }
    if (month.length === 1 && (Number(month) > 1 || (typedSlash && !isDeleting && Number(month) > 0))) month = '0' + month;
    year = year.slice(0, 4);
    if (year) return month + ' / ' + year;
    if (isDeleting) return month;
    return month.length === 2 ? month + ' / ' : month;
  }

  /** `sizes` are the code lengths of the brands the number may still be. */
  function judgeCode(text, sizes) {
    const isValid = /^[0-9]+$/.test(text) && sizes.includes(text.length);
    return { isValid, isPotentiallyValid: isValid || (/^[0-9]*$/.test(text) && text.length < Math.max(...sizes)) };
  }

  function judgePostalCode(text, shortest) {
    const isPotentiallyValid = /^[A-Za-z0-9 -]{0,10}$/.test(text);
    return { isValid: isPotentiallyValid && text.trim().length >= shortest, isPotentiallyValid };
  }

  function judgeName(text) {
    // A card number typed into the name field would travel in clear to places that keep names.
    const isPotentiallyValid = text.length <= 255 && !(digitsOf(text).length >= 12 && /^[\d\s-]+$/.test(text));
    return { isValid: isPotentiallyValid && text.trim().length > 0, isPotentiallyValid };
  }

  window.cardRules = {
    brandsFor, describe, digitsOf, formatDate, formatNumber, judgeCode, judgeDate, judgeName, judgeNumber, judgePostalCode, readDate,
    codeSizes: (brands) => [...new Set((brands.length ? brands : BRANDS).map((brand) => brand.code[1]))],
  };
}());
