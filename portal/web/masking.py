"""Contact details shown in part: enough for their owner to know them, too little for anybody else to use."""


def masked(field: str, value: str) -> str:
    """A name, email or phone in part: Ada M., a•••@e•••.com, (•••) •••-0134."""
    if not value:
        return ""
    if field == "email":
        name, _, domain = value.partition("@")
        return f"{name[:1]}•••@{domain[:1]}•••{domain[domain.rfind('.') :]}"
    if field == "phone":
        return f"(•••) •••-{value[-4:]}"
    if field == "name":
        words = value.split()
        return " ".join([words[0], *(f"{word[:1]}." for word in words[1:])])
    raise AssertionError(f"nobody said how to mask {field}")
