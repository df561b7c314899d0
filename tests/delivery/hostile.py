"""What people with bad intentions type into names, for every delivery test."""

MARKUP = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "<template><b hx-get=/x hx-trigger=load></template>",
    '<div data-hx-post="/x" hx-swap-oob="true">x</div>',
    "</title><style>*{display:none}</style>",
    "<a href='javascript:alert(1)'>a</a>",
)
TEMPLATE = (
    "{{7*7}}",
    "{% for x in y %}",
    "${7*7}",
    "{0.__class__}",
    "%(amount)s %s %d 100%",
    "{{ self.__init__ }}",
    "#{7*7}",
)
LINKS = (
    "evil.com",
    "http://evil.com/x",
    "https:\\\\evil.com",
    "www.evil.com",
    "hthttp://tp://evil.com",
    "a@evil.com",
    "evil\u3002com",
    "evil\uff0ecom",
    "ev\u200bil.\u2060com",
    "javascript://evil.com",
    "//evil.com",
    "bit.ly/abc",
)
UNICODE = (
    "\u202egnp.exe",
    "\u2066Maria\u2069",
    "a\u200bb\u200db\ufeff",
    "nul\x00nul",
    "\ud800lone",
    "bell\x07\x1b[31m",
    "e\u0301" * 3,
    "Z" + "\u0335\u0336\u0337\u0338" * 40 + "algo",
    "\U0001f600 \U0001f468\u200d\U0001f469\u200d\U0001f467",
    "line\u2028two\u2029three\x85four",
    "\u0645\u062d\u0645\u062f",
    "\u4e2d\u6587 \u05e9\u05dc\u05d5\u05dd",
    "\U000e0041tag",
)
HEADERS = (
    "Maria\r\nBcc: thief@evil.example",
    "Maria\nBcc: thief@evil.example",
    "Maria\rBcc: thief@evil.example",
    "Maria\u2028Bcc: thief@evil.example",
    "Maria\u2029Bcc: thief@evil.example",
    "Maria\x85Bcc: thief@evil.example",
    "=?utf-8?q?Maria=0D=0ABcc:_thief@evil.example?=",
    "Maria\x00",
    "Maria\u202e",
)
EVERYTHING = (*MARKUP, *TEMPLATE, *LINKS, *UNICODE, *HEADERS, "x" * 2_000, "W" * 200, "a " * 1_000)
