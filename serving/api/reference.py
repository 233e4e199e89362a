"""The API's reference as a page, made on the server from its own OpenAPI document: nothing comes from outside."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any, Final

from leadlight.serving.api.problems import STATUS
from leadlight.serving.words import say

__all__ = ["reference_page"]

_STYLE: Final = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --mark: #0b6bcb; }
body { font: 16px/1.55 system-ui, sans-serif; max-width: 62rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
h1 { margin-bottom: 0; } h2 { margin-top: 2.5rem; border-bottom: 1px solid var(--line); padding-bottom: .3rem; }
h3 { font: 600 1rem ui-monospace, monospace; margin: 2rem 0 .3rem; overflow-wrap: anywhere; }
.method { color: #fff; background: var(--mark); border-radius: .3rem; padding: .1rem .45rem; margin-right: .5rem; }
pre { background: var(--soft); border: 1px solid var(--line); border-radius: .4rem; padding: .8rem; overflow-x: auto; }
code { font: .88em ui-monospace, monospace; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 1rem; }
th, td { text-align: left; vertical-align: top; padding: .35rem .6rem .35rem 0; border-bottom: 1px solid var(--line); }
nav li { margin: .2rem 0; } a { color: var(--mark); }
:target { background: #fc03; }
"""

_HOST: Final = "http://127.0.0.1:8000"


def reference_page(document: Mapping[str, Any]) -> str:
    """Return the page.

    Parameters
    ----------
    document : mapping
        An OpenAPI 3.1 document.
    """
    operations = list(_operations(document))
    info = document["info"]
    parts = [
        f"<h1>{escape(info['title'])}</h1><p>Version {escape(info['version'])}. {escape(info.get('summary', ''))} "
        'The same as a document for programs: <a href="openapi.json">/openapi.json</a>.</p>',
        "<nav><h2>Contents</h2><ul>",
        *(f'<li><a href="#{_anchor(m, p)}"><code>{m} {escape(p)}</code></a></li>' for m, p, _ in operations),
        '<li><a href="#schemas">Schemas</a></li><li><a href="#problems">Problems</a></li></ul></nav>',
        "<h2>Calls</h2>",
        *(_operation(document, method, path, operation) for method, path, operation in operations),
        '<h2 id="schemas">Schemas</h2>',
        *(_schema(name, schema) for name, schema in document["components"]["schemas"].items()),
        '<h2 id="problems">Problems</h2>',
        "<p>Every refusal is a problem document (RFC 9457). <code>code</code> is stable; <code>errors</code> lists "
        "every field that is wrong.</p>",
        *(_problem(kind, status) for kind, status in STATUS.items()),
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(info['title'])}</title><style>{_STYLE}</style></head><body>{''.join(parts)}</body></html>"
    )


def _operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def _anchor(method: str, path: str) -> str:
    return escape(f"{method}{path}".replace("/", "-").replace("{", "").replace("}", ""))


def _operation(document: Mapping[str, Any], method: str, path: str, operation: Mapping[str, Any]) -> str:
    parts = [
        f'<h3 id="{_anchor(method, path)}"><span class="method">{method}</span>{escape(path)}</h3>',
        f"<p>{_prose(operation.get('description', ''))}</p>",
        _parameters(operation.get("parameters", ())),
    ]
    sent = _named(operation.get("requestBody", {}))
    if sent is not None:
        parts.append(f"<p>Send {_link(sent)}:</p>{_pre(_curl(method, path, _example(document, sent)))}")
    else:
        parts.append(_pre(_curl(method, path, None)))
    for status, answer in operation["responses"].items():
        parts.append(_answer(document, status, answer))
    return "".join(parts)


def _answer(document: Mapping[str, Any], status: str, answer: Mapping[str, Any]) -> str:
    name = _named(answer)
    link = f": {_link(name)}" if name else ""
    text = f"<p><b>{escape(status)}</b> {escape(answer['description'])}{link}</p>"
    example = _example(document, name) if status == "200" and name else None
    return text if example is None else text + _pre(json.dumps(example, indent=2, ensure_ascii=False))


def _named(holder: Mapping[str, Any]) -> str | None:
    """Return the schema's name that a body or an answer refers to."""
    for content in holder.get("content", {}).values():
        reference = content.get("schema", {}).get("$ref")
        if reference:
            return str(reference).rpartition("/")[2]
    return None


def _example(document: Mapping[str, Any], name: str) -> Any:
    examples = document["components"]["schemas"][name].get("examples")
    return examples[0] if examples else None


def _curl(method: str, path: str, example: Any) -> str:
    address = f"{_HOST}{path.replace('{receipt_id}', '01KB4Z0T5N8QY2M6R3W7X9V1CD')}"
    if example is None:
        return f"curl {address}" if method == "GET" else f"curl -X {method} {address}"
    sent = json.dumps(example, indent=1, ensure_ascii=False).replace("'", "'\\''")
    return f"curl {address} \\\n  -H 'Content-Type: application/json' \\\n  -d '{sent}'"


def _parameters(parameters: Any) -> str:
    rows = [
        (p["name"], f"{p['in']}, {_type(p['schema'])}", p.get("description") or p["schema"].get("description", ""))
        for p in parameters
    ]
    return _table(("parameter", "where", "what"), rows) if rows else ""


def _schema(name: str, schema: Mapping[str, Any]) -> str:
    required = set(schema.get("required", ()))
    rows = [
        (
            key + ("" if key in required else "?"),
            _type(value),
            value.get("description", ""),
        )
        for key, value in schema.get("properties", {}).items()
    ]
    text = f'<h3 id="schema-{escape(name)}">{escape(name)}</h3><p>{_prose(schema.get("description", ""))}</p>'
    return text + (_table(("key (? may be left out)", "type", "what"), rows) if rows else "")


def _type(schema: Mapping[str, Any]) -> str:
    """Return a schema's type as HTML."""
    if "$ref" in schema:
        return _link(str(schema["$ref"]).rpartition("/")[2])
    if "anyOf" in schema:
        return " or ".join(_type(one) for one in schema["anyOf"])
    if "enum" in schema or "const" in schema:
        return ", ".join(escape(json.dumps(value)) for value in schema.get("enum", [schema.get("const")]))
    if "allOf" in schema:
        return " and ".join(_type(one) for one in schema["allOf"])
    kind = schema.get("type", "any")
    if kind == "array":
        return f"list of {_type(schema.get('items', {}))}" + _bounds(schema)
    if isinstance(kind, list):
        return escape(" or ".join(kind))
    return escape(schema.get("format", kind)) + _bounds(schema)


def _bounds(schema: Mapping[str, Any]) -> str:
    most = schema.get("maxItems") or schema.get("maxLength") or schema.get("maximum")
    return f", at most {most:,}" if isinstance(most, int) else ""


def _link(name: str) -> str:
    return f'<a href="#schema-{escape(name)}">{escape(name)}</a>'


def _problem(kind: str, status: int) -> str:
    title = say("title.unavailable" if kind == "model_contract" else f"title.{kind}", "en")
    return f'<h3 id="problem-{kind}">{status} {kind}</h3><p>{escape(title)}.</p>'


def _table(head: tuple[str, ...], rows: list[tuple[str, str, str]]) -> str:
    """Rows are (text, HTML of a type, text)."""
    cells = "".join(
        f"<tr><td><code>{escape(key)}</code></td><td>{kind}</td><td>{_prose(text)}</td></tr>"
        for key, kind, text in rows
    )
    titles = "".join(f"<th>{escape(title)}</th>" for title in head)
    return f'<div class="scroll"><table><tr>{titles}</tr>{cells}</table></div>'


def _prose(text: str) -> str:
    """Escape a description; its backticks mark code."""
    pieces = escape(text.replace("``", "`")).split("`")
    marked = (f"<code>{piece}</code>" if i % 2 else piece for i, piece in enumerate(pieces))
    return "".join(marked).replace("\n\n", "</p><p>")


def _pre(text: str) -> str:
    return f"<pre><code>{escape(text)}</code></pre>"
