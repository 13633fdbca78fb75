"""The modules of live figures in the pages: each takes the place of the graph that its chapter's output carries."""

import base64
import json
import re

from sphinx.util import logging

from _site.compile import DATA, file_of

NOTE = re.compile(r'(<p class="baby-noscript">).*?(?=</p>)')
WORD = "This is a picture of the default run. With JavaScript, the figure runs here, in the page."
logger = logging.getLogger(__name__)


def put_modules(app, pagename, templatename, context, doctree) -> None:
    """Put the compiled modules of a page's figures into it; a figure without one stays a picture, with a warning."""

    def with_module(found: re.Match) -> str:
        data = json.loads(found[1])
        file = file_of(base64.b64decode(data.pop("graph")))
        if file.is_file():
            data["module"] = base64.b64encode(file.read_bytes()).decode()
        else:
            words = '%s: the figure "%s" has no module and stays a picture: python book/_site/compile.py'
            logger.warning(words, pagename, data["caption"])
        text = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
        return found[0].replace(found[1], text)

    if "baby-live-data" in context.get("body", ""):
        context["body"] = NOTE.sub(rf"\g<1>{WORD}", DATA.sub(with_module, context["body"]))
