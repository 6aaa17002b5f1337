"""Answers of a model that was made to write markdown which acts. Each acts in some renderer as it is."""

SCRIPT = "<script>document.title='hacked'</script>"
PICTURE = "<img src=x:y onerror=\"document.title='hacked'\">"
OUTSIDE = "http://tracker.example/pixel.png"
LEADS = "javascript:document.title='hacked'"
_TOKEN = "<｜a" * 5 + "｜>" * 5
"""A special token in a special token, and so on: what is left once all of them are gone is nothing."""

IN_CODE = {
    "a fence inside a list's item": f"- a\n  ~~~\n{SCRIPT}\n  ~~~",
    "a fence of tildes": f"~~~\n{PICTURE}\n~~~",
    "a longer closing fence": f"```\nfoo\n{SCRIPT}\n````",
    "a fence at a line's end": f"```\nfoo ```\n{SCRIPT}\n```",
    "an indented fence": f"   ```\nx\n```\n\n```\n{SCRIPT}\n```",
    "an indented stray fence": f"a\n\n    ```\n\n```\n    ```\n{SCRIPT}\n```",
    "a fence with words": f"``` a b c\nx\n```\n\n```\n{SCRIPT}\n```",
    "a fence with attributes": "``` {.python onclick=\"document.title='hacked'\"}\nx\n```",
    "a label that ends in code": f"[a\n\n```\nb]: c\n{SCRIPT}\n```",
    "code around a cell's border": f"| a | b |\n|---|---|\n| `a | b` c `{SCRIPT}` | x |",
    "code in an HTML line of a list": f"- <sub>\n  `{SCRIPT}`",
    "code in an HTML line of a definition": f"a\n: <b>\n`{PICTURE}`",
    "code after an address": f"http://host/x`{SCRIPT}`",
    "code after a longer run": f"``a`{SCRIPT}`",
    "code in a stray tag's paragraphs": f"</ins>\n\n`{PICTURE}`\n\n```\n```",
}  # fmt: skip
IN_TAGS = {
    "a tag with `<` in an attribute": '<p y="<" autofocus tabindex=1 onfocus="document.title=\'hacked\'" '
    f'style="background:url({OUTSIDE})">',
    "a made-up tag with `<` in an attribute": 'a <xss y="<" onfocus="document.title=\'hacked\'" autofocus '
    "tabindex=1>",
    "attributes around code": f'a <p y="`">{SCRIPT}<p y="`">',
    "an attribute over two paragraphs": 'a <b x="y\n\nhello" onmouseover="document.title=\'hacked\'" there',
    "a tag in a nested special token": f"<scr{_TOKEN}ipt>document.title='hacked'</script>",
    "a tag in nested tags": "<scr<script>ipt>document.title='hacked'</scr</script>ipt>",
    "a closing tag that does not end": f"{SCRIPT[:-1]}\n\n{SCRIPT}",
}
IN_LINKS = {
    "an entity in angle brackets": "[click](<java&#115;cript:document.title='hacked'>)",
    "a file in angle brackets": "[x](<&#102;ile:///etc/passwd>)",
    "a blank in angle brackets": f"[x](< {LEADS}>)",
    "a line end in the scheme": "[x](java\nscript:document.title='hacked')",
    "a line end in the scheme, in a list": "- [x](java\n  script:document.title='hacked')",
    "a line end in the scheme, in a quote": "> [x](java\n> script:document.title='hacked')",
    "an autolink of another scheme": "<vbscript.x:alert(1)> <script:alert(1)>",
    "a definition with a title": f'[a]\n\n[a]: {LEADS} "title"',
    "a definition in a quote": f"[a]\n\n> [a]: {LEADS}",
    "a definition in a list": f"[a]\n\n- [a]: {LEADS}",
    "a definition over two quoted lines": f"[a]\n\n> [a]:\n> {LEADS}",
    "a label with a bracket": f"[a\\]b]\n\n[a\\]b]: {LEADS}",
    "a label over two lines": f"[a\nb]\n\n[a\nb]: {LEADS}",
    "a definition with more words": "x [a][]\n\n[a]: javascript:alert(1) and more words",
    "a scheme behind a nested special token": f"[x]{_TOKEN}({LEADS})",
    "an attribute list": "# head {: onclick=\"document.title='hacked'\" }\n\ntext\n{: style=color:red }",
}
IN_PICTURES = {
    "a picture by a quoted definition": f"![pixel][a]\n\n> [a]: {OUTSIDE}",
    "a picture by a definition with a title": f'![a]\n\n[a]: {OUTSIDE} "t"',
    "a picture by its label": f"![a][]\n\n- [a]: <{OUTSIDE}>",
    "a picture behind a nested special token": f"!<scr{_TOKEN}ipt>[x]({OUTSIDE})",
    "a picture behind a tag": f"!<script>[x]({OUTSIDE})",
    "a picture in a table": f"<table><tr><td>\n\n![x]({OUTSIDE})</td></tr></table>",
}
ROUTES: dict[str, str] = IN_CODE | IN_TAGS | IN_LINKS | IN_PICTURES
