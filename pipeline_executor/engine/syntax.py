"""Parser of the expressions in compiled pipelines: the part of CEL that conditions and selectors are written in.

    or       = and { "||" and }
    and      = relation { "&&" relation }
    relation = unary [ ("==" | "!=" | "<=" | "<" | ">=" | ">" | "in") unary ]
    unary    = { "!" | "-" } member
    member   = primary { "." name | "[" or "]" }
    primary  = literal | name [ "(" [ or ] ")" ] | "(" or ")" | "[" [ or { "," or } ] "]"

By hand: CEL's Python implementations bring a parser generator and all of its types, for a language of twenty lines.
Bounded in length and depth, so that no text takes long or overflows the stack.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

LONGEST: Final = 65_536
DEEPEST: Final = 64
FUNCTIONS: Final = frozenset({"int", "double", "string", "bool", "size", "parseJson"})

_LONGEST_NUMBER: Final = 19
_TOKEN: Final = re.compile(
    r"""\s*(?:
      (?P<number>(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|[0-9]+(?:[eE][-+]?[0-9]+)?)
    | (?P<text>'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")
    | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<sign>&&|\|\||==|!=|<=|>=|[<>!()\[\].,-])
    )""",
    re.VERBOSE,
)
_ESCAPE: Final = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(.))")
_PLAIN_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
_RELATIONS: Final = frozenset({"==", "!=", "<", "<=", ">", ">=", "in"})
_WORDS: Final = {"true": True, "false": False, "null": None}


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant in an expression."""

    value: str | float | bool | None


@dataclass(frozen=True, slots=True)
class Name:
    """One of the names that an expression starts from."""

    name: str


@dataclass(frozen=True, slots=True)
class Member:
    """`of.key` or `of[key]`."""

    of: "Node"
    key: "Node"


@dataclass(frozen=True, slots=True)
class Call:
    """A function of one argument; also `!` and `-`."""

    function: str
    argument: "Node"


@dataclass(frozen=True, slots=True)
class Binary:
    """Two operands: a relation, `&&` or `||`."""

    operator: str
    left: "Node"
    right: "Node"


@dataclass(frozen=True, slots=True)
class Several:
    """A list written out."""

    items: "tuple[Node, ...]"


Node: TypeAlias = Literal | Name | Member | Call | Binary | Several
_Token: TypeAlias = tuple[str, str]


def parse(text: str) -> Node:
    """Parse an expression.

    Raises:
        ValueError: it is none of this grammar, too long or too deep; says where.
    """
    if len(text) > LONGEST:
        raise ValueError(f"is longer than {LONGEST} characters")
    return _Parser(list(_tokens(text))).whole()


def _tokens(text: str) -> Iterator[_Token]:
    position = 0
    end = len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None:
            raise ValueError(f"can't be read from {text[position : position + 20]!r} on")
        kind = match.lastgroup or ""
        yield kind, match[kind]
        position = match.end()
    yield "end", ""


def unquote(literal: str) -> str:
    """Return the text that a string literal means.

    Raises:
        ValueError: it holds what is no character.
    """

    def character(match: re.Match[str]) -> str:
        code = match[1] or match[2] or match[3]
        if code is not None:
            return chr(int(code, 16))
        if match[4] is not None:
            return chr(int(match[4], 8))
        return _PLAIN_ESCAPES.get(match[5], match[5])

    try:
        text = _ESCAPE.sub(character, literal[1:-1])
        text.encode()
    except (OverflowError, ValueError):
        raise ValueError(f"{literal[:20]} holds what is no character") from None
    return text


class _Parser:
    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0

    def whole(self) -> Node:
        node = self._or()
        if self._tokens[self._at][0] != "end":
            self._fail()
        return node

    def _fail(self) -> Node:
        kind, text = self._tokens[self._at]
        found = "its end" if kind == "end" else repr(text[:20])
        raise ValueError(f"can't be read at {found}: only comparisons of inputs and constants are known here")

    def _take(self, *signs: str) -> str | None:
        kind, text = self._tokens[self._at]
        if kind in {"sign", "name"} and text in signs:
            self._at += 1
            return text
        return None

    def _expect(self, sign: str) -> None:
        if self._take(sign) is None:
            self._fail()

    def _or(self) -> Node:
        self._depth += 1
        if self._depth > DEEPEST:
            raise ValueError(f"is nested deeper than {DEEPEST} levels")
        node = self._chain("||", self._and)
        self._depth -= 1
        return node

    def _and(self) -> Node:
        return self._chain("&&", self._relation)

    def _chain(self, sign: str, operand: Callable[[], Node]) -> Node:
        operands = [operand()]
        while self._take(sign):
            operands.append(operand())
        return _balanced(sign, operands)

    def _relation(self) -> Node:
        left = self._unary()
        operator = self._take(*_RELATIONS)
        return left if operator is None else Binary(operator, left, self._unary())

    def _unary(self) -> Node:
        signs = []
        while sign := self._take("!", "-"):
            signs.append(sign)
            if len(signs) > DEEPEST:
                raise ValueError(f"is nested deeper than {DEEPEST} levels")
        node = self._member()
        for sign in reversed(signs):
            node = Call(sign, node)
        return node

    def _member(self) -> Node:
        node = self._primary()
        steps = 0
        while sign := self._take(".", "["):
            steps += 1
            if steps > DEEPEST:
                raise ValueError(f"is nested deeper than {DEEPEST} levels")
            if sign == ".":
                kind, text = self._tokens[self._at]
                if kind != "name":
                    self._fail()
                self._at += 1
                node = Member(node, Literal(text))
            else:
                node = Member(node, self._or())
                self._expect("]")
        return node

    def _primary(self) -> Node:  # noqa: PLR0911 - one case a kind of token
        kind, text = self._tokens[self._at]
        if self._take("("):
            node = self._or()
            self._expect(")")
            return node
        if self._take("["):
            return self._list()
        if kind not in {"number", "text", "name"}:
            return self._fail()
        self._at += 1
        if kind == "number":
            return Literal(_number(text))
        if kind == "text":
            return Literal(unquote(text))
        if text in _WORDS:
            return Literal(_WORDS[text])
        if self._take("("):
            return self._call(text)
        return Name(text)

    def _call(self, function: str) -> Node:
        if function not in FUNCTIONS:
            raise ValueError(f"calls {function}(), which is not known here; known are {', '.join(sorted(FUNCTIONS))}")
        argument = self._or()
        self._expect(")")
        return Call(function, argument)

    def _list(self) -> Node:
        items: list[Node] = []
        while not self._take("]"):
            if items:
                self._expect(",")
            items.append(self._or())
        return Several(tuple(items))


def _balanced(sign: str, operands: list[Node]) -> Node:
    """Return a long chain as a shallow tree; `&&` and `||` may be grouped in any way."""
    while len(operands) > 1:
        pairs = [operands[index : index + 2] for index in range(0, len(operands), 2)]
        operands = [pair[0] if len(pair) == 1 else Binary(sign, pair[0], pair[1]) for pair in pairs]
    return operands[0]


def _number(text: str) -> float:
    if text.isdigit():
        if len(text) > _LONGEST_NUMBER:
            raise ValueError(f"{text[:20]}... is too large a number")
        return int(text)
    return float(text)
