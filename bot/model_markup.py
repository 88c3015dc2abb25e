r"""Keeps what is a language model's own out of its text while it streams: thoughts, marks, and calls of tools.

    <think>...</think>      also [THINK], <|channel|>analysis<|message|>, and what is given along with a lone </think>
    <|im_end|>  </s>        marks of roles and ends, of all families of models
    <tool_call>...          also [TOOL_CALLS], <|python_tag|>, <function=name>, and bare JSON: {"name": "look_up"}

Servers that know a model's template take these out. Where one does not, they would be read aloud. Ordinary text goes
through at once: only what may become a mark waits for the character that decides. The names are those of the chat
templates that the models' makers publish.
"""

import re
from collections.abc import Mapping
from typing import Final

_THOUGHTS: Final = frozenset(
    """
    think thinking thought thoughts reason reasoning reflection scratchpad inner_monologue analysis
    seed:think mm:think
    """.split()
)
_CALLS: Final = frozenset(
    """
    tool tools tool_call tool_calls tool_use tool_code tool_response tool_result tool_results tool_outputs action
    function functions function_call function_calls function_results invoke
    minimax:tool_call longcat_tool_call xai:function_call seed:tool_call
    """.split()
)
_ALONE: Final = frozenset("s bos eos pad unk start_of_turn end_of_turn answer final response".split())
_TAGS: Final = _THOUGHTS | _CALLS | _ALONE
_HALVES: Final = _TAGS | {"channel", "turn"}
"""Names of marks that are written in halves, <|channel> and <channel|>."""
_BAR: Final = "[|\uff5c]"
_TAG: Final = re.compile(
    r"<(?P<end>/?)(?P<name>[A-Za-z][A-Za-z_:]{0,30})(?:=[^<>\n]{0,200}|\s[^<>\n]{0,300})?(?P<alone>/?)>"
)
_TAG_BEGUN: Final = re.compile(r"<(?:/?(?P<name>[A-Za-z_:]{0,30})(?P<more>[=\s/][^<>\n]{0,300})?)?")
_PIPED: Final = re.compile(
    rf"<(?P<open>{_BAR})(?P<end>/?)(?P<name>[A-Za-z][\w:\u2581\- ]{{0,60}}){_BAR}?>|<(?P<closing>[a-z_]{{1,30}})\|>"
)
_PIPED_BEGUN: Final = re.compile(
    rf"<(?:{_BAR}/?(?:[A-Za-z][\w:\u2581\- ]{{0,60}}{_BAR}?)?|(?P<closing>[a-z_]{{1,30}})\|?)"
)
_IN_SQUARES: Final = "THINK TOOL_CALLS TOOL_RESULTS AVAILABLE_TOOLS SYSTEM_PROMPT INST".split()
_LITERALS: Final = (
    *(f"[{end}{name}]" for name in _IN_SQUARES for end in ("", "/")),
    *("\u25c1think\u25b7", "\u25c1/think\u25b7", "<<SYS>>", "<</SYS>>"),
)
_JSON: Final = re.compile(r"(?:\[\s{0,8})?\{\s{0,16}\"[^\"\n\\]{1,64}\"\s{0,8}:")
_JSON_BEGUN: Final = re.compile(r"(?:\[\s{0,8})?(?:\{\s{0,16}(?:\"[^\"\n\\]{0,64}(?:\"\s{0,8})?)?)?")
_FENCE: Final = "```"
_FENCED: Final = re.compile(
    rf"```(?:(?P<call>tool_[a-z]{{1,12}}|function_call)\s|(?:jsonc?)?\s{{0,8}}(?={_JSON.pattern}))"
)
_FENCED_BEGUN: Final = re.compile(rf"`{{1,3}}|```[a-z_]{{1,20}}|```(?:jsonc?)?\s{{0,8}}(?:{_JSON_BEGUN.pattern})?")
_IN_STRING: Final = re.compile(r"(?:[^\"\\]|\\.)*+", re.DOTALL)
_JSON_SIGN: Final = re.compile(r"[\"\[\]{}]")
_MERGED: Final = ("analysis", "commentary")
"""How OpenAI's open models begin where a server drops the marks of their channels, at once followed by a capital."""
_MERGED_END: Final = re.compile("assistantfinal")
_OPENER: Final = re.compile(r"[<\[{\u25c1]|`{3}|`{1,2}\Z")
_LONGEST_HEADER: Final = 120
_LONGEST_CLOSER: Final = 80
_BOT: Final = frozenset({"", "assistant", "model", "bot", "ai"})
_BLOCKS: Final[Mapping[str, str]] = {
    "begin_of_thought": "end_of_thought",
    "start_thinking": "end_thinking",
    "start_action": "end_action",
    "start_tool_result": "end_tool_result",
    "tool_calls_section_begin": "tool_calls_section_end",
    "tool_calls_begin": "tool_calls_end",
    "tool_call_begin": "tool_call_end",
    "tool_outputs_begin": "tool_outputs_end",
    "tool_call_start": "tool_call_end",
    "tool_list_start": "tool_list_end",
    "python_tag": "eom_id",
}
"""Names of the marks <|...|> around what is not spoken."""
_CLOSING: Final = frozenset({"end_of_thought", "end_thinking"})
_ROLES: Final = frozenset("im_start start_header_id header_start start start_of_role turn role_start".split())
_NEW_TURN: Final = re.compile(
    rf"(?=<{_BAR}?(?:im_start|start_header_id|header_start|start|start_of_role|start_of_turn|turn)[|\uff5c>\s])"
)
_OTHERS: Final = frozenset("user human system observation".split())
_BOT_AGAIN: Final = re.compile(rf"<{_BAR}assistant{_BAR}>", re.IGNORECASE)
_NEW_MESSAGE: Final = re.compile(r"<\|(?:end|return|call)\|>|(?=<\|(?:start|channel)\|>)")


class ModelMarkup:
    """Text of one reply in, what of it may be spoken out."""

    def __init__(self) -> None:
        self._text = ""  # what was not decided yet
        self._begun = False  # something of the reply was seen
        self._until: re.Pattern[str] | None = None  # ends what is left out
        self._depth = 0  # of the JSON that is left out
        self._in_string = False  # of that JSON
        self._then: re.Pattern[str] | None = None  # ends what is left out behind it
        self._header = ""  # "role" or "channel" while its name is awaited
        self._out: list[str] = []
        self.thoughts_before = False
        """The newest text ended thoughts whose beginning was never written: all before it was not meant to be said."""

    def feed(self, text: str, /) -> str:
        """Return what may be spoken now, of `text` and of what waited."""
        self.thoughts_before = False
        if not (self._text or self._until or self._depth or self._header) and self._begun and not _OPENER.search(text):
            return text
        self._text += text
        self._out = []
        while self._text and self._step():
            pass
        return "".join(self._out)

    def flush(self) -> str:
        """Return what waited in vain; the beginning of a mark is none of it."""
        rest, self._text = self._text, ""
        if not self._begun:
            return rest
        inside = self._until or self._depth or self._header or len(rest) > len("</s")
        return "" if inside else rest

    def _step(self) -> bool:
        """Do the next thing with what waits; return False where more text is needed."""
        if self._until:
            return self._leave_out(self._until)
        if self._depth:
            return self._leave_json_out()
        if self._header:
            return self._read_header()
        if not self._begun:
            return self._begin()
        opener = _OPENER.search(self._text)
        self._pass(opener.start() if opener else len(self._text))
        return bool(opener) and self._mark()

    def _begin(self) -> bool:
        """Look at how the reply begins."""
        begun = self._text.lstrip()
        for word in _MERGED:
            if begun.startswith(word) and begun[len(word) :][:1].isupper():
                self._until = _MERGED_END
            elif word.startswith(begun):
                return False
        self._begun = True
        return True

    def _pass(self, count: int) -> None:
        self._out.append(self._text[:count])
        self._text = self._text[count:]

    def _mark(self) -> bool:
        """Take the mark that the text begins with; pass a character where there is none."""
        text = self._text
        if (found := _PIPED.match(text)) and (not found["closing"] or found["closing"] in _HALVES):
            self._text = text[found.end() :]
            self._piped(found)
        elif (found := _TAG.match(text)) and found["name"].lower() in _TAGS:
            self._text = text[found.end() :]
            self._tag(found["name"].lower(), end=bool(found["end"]), alone=bool(found["alone"]))
        elif literal := next((mark for mark in _LITERALS if text.startswith(mark)), ""):
            self._text = text[len(literal) :]
            self._literal(literal)
        elif found := _FENCED.match(text):
            self._text = text[found.end() :]
            fence = re.compile(_FENCE)
            self._until, self._then = (fence, None) if found["call"] else (None, fence)
        elif found := _JSON.match(text):
            self._depth = 1
            self._text = text[1:]
        elif _may_become_mark(text):
            return False
        else:
            self._pass(1)
        return True

    def _take_back(self) -> None:
        """Thoughts end that had no beginning: it was in the prompt."""
        self._out.clear()
        self.thoughts_before = True

    def _tag(self, name: str, *, end: bool, alone: bool) -> None:
        if name in _THOUGHTS and end:
            self._take_back()
        elif name == "start_of_turn":
            self._header = "role"
        elif name not in _ALONE and not end and not alone:
            self._until = re.compile(rf"</{re.escape(name)}\s*>", re.IGNORECASE)

    def _piped(self, found: re.Match[str]) -> None:
        name = (found["name"] or found["closing"]).lower().strip().replace("\u2581", "_").replace(" ", "_")
        half = not re.search(rf"{_BAR}>$", found[0])  # <|channel>thought ... <channel|>
        ends = bool(found["end"] or found["closing"])
        if name in _CLOSING or (ends and (name in _THOUGHTS or name == "channel")):
            self._take_back()
        elif ends:
            pass
        elif name in _ROLES:
            self._header = "role"
        elif half:
            self._until = re.compile(rf"<{re.escape(name)}\|>")
        elif name == "channel":
            self._header = "channel"
        elif name in _BLOCKS:
            closing = _BLOCKS[name].replace("_", "[_\u2581 ]")
            self._until = re.compile(rf"<{_BAR}{closing}{_BAR}>", re.IGNORECASE)
        elif name in _OTHERS:
            self._until = _BOT_AGAIN
        elif name in _THOUGHTS | _CALLS:
            self._until = re.compile(rf"<{_BAR}/{re.escape(name)}{_BAR}>", re.IGNORECASE)

    def _literal(self, literal: str) -> None:
        name = literal.strip("[]/<>\u25c1\u25b7")
        closing = literal[:1] + "/" + literal[1:]
        if "/" in literal:
            if name.lower() == "think":
                self._take_back()
        elif name == "TOOL_CALLS":
            self._until = re.compile("</s>")
        elif name != "SYS":
            self._until = re.compile(re.escape(closing))
        else:
            self._until = re.compile("<</SYS>>")

    def _leave_out(self, until: re.Pattern[str]) -> bool:
        if found := until.search(self._text):
            self._text, self._until = self._text[found.end() :], None
            return True
        self._text = self._text[max(0, len(self._text) - _LONGEST_CLOSER) :]
        return False

    def _leave_json_out(self) -> bool:
        at = 0
        while self._depth:
            if self._in_string:
                ends = _IN_STRING.match(self._text, at)
                at = ends.end() if ends else at
                self._in_string = not self._text.startswith('"', at)
                if self._in_string:
                    self._text = self._text[at:]  # nothing, or a backslash
                    return False
                at += 1
            sign = _JSON_SIGN.search(self._text, at)
            if not sign:
                self._text = ""
                return False
            at, self._in_string = sign.end(), sign[0] == '"'
            self._depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(sign[0], 0)
        self._text = self._text[at:]
        self._until, self._then = self._then, None
        return True

    def _read_header(self) -> bool:
        """Read whose turn begins, or on which channel; what is not said to the caller is left out."""
        end = re.search(r"[\n<]", self._text[:_LONGEST_HEADER])
        if not end:
            if len(self._text) >= _LONGEST_HEADER:
                self._header = ""  # it is none
            return not self._header
        name, kind = self._text[: end.start()].strip().lower(), self._header
        self._text, self._header = self._text[end.start() + (end[0] == "\n") :], ""
        if kind == "channel" and (name.split(" ")[0] == "analysis" or "to=" in name):
            self._until = _NEW_MESSAGE
        elif kind == "role" and name.split(" ")[0] not in _BOT:
            self._until = _NEW_TURN
        return True


def _may_become_mark(text: str) -> bool:
    """Return whether `text`, which has no mark yet, may be the beginning of one."""
    if any(mark.startswith(text) for mark in _LITERALS) or _JSON_BEGUN.fullmatch(text) or _FENCED_BEGUN.fullmatch(text):
        return True
    if (piped := _PIPED_BEGUN.fullmatch(text)) and (not piped["closing"] or _begins_tag(piped["closing"])):
        return True
    tag = _TAG_BEGUN.fullmatch(text)
    if not tag:
        return False
    name = (tag["name"] or "").lower()
    return name in _TAGS if tag["more"] else _begins_tag(name)


def _begins_tag(name: str) -> bool:
    return any(tag.startswith(name) for tag in _HALVES)
