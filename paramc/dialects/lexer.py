"""Lark's lexers without lines and columns: our tokens know their place in the text, and nobody asks for more."""

from typing import Any

from lark import Token
from lark.lexer import BasicLexer, ContextualLexer, LexerState


class Mark(Token):
    """A token that is made in half the time of Lark's own."""

    __slots__ = ()
    line = column = end_line = end_column = None

    def __new__(cls, kind: str, body: str, place: int) -> "Mark":
        mark = str.__new__(cls, body)
        mark.type = kind
        mark.value = body
        mark.start_pos = place
        mark.end_pos = place + len(body)
        return mark


class PlainLexer(BasicLexer):
    """One token after the other by the terminals of the whole grammar."""

    def next_token(self, lex_state: LexerState, parser_state: Any = None) -> Token:  # Any: as Lark declares it
        """The next token that is not ignored. Raises EOFError behind the last, UnexpectedCharacters where none fits."""
        text, counter = lex_state.text, lex_state.line_ctr
        scanner = self.scanner  # makes the callbacks as well
        while (place := counter.char_pos) < text.end:
            found = scanner.match(text, place)
            if found is None:
                return super().next_token(lex_state, parser_state)  # knows best how to refuse
            body, kind = found
            counter.char_pos = place + len(body)
            if kind not in self.ignore_types:
                mark = Mark(kind, body, place)
                lex_state.last_token = mark
                return self.callback[kind](mark) if kind in self.callback else mark
        raise EOFError


class PlainContextualLexer(ContextualLexer):
    """One token after the other by the terminals that the parser can take."""

    BasicLexer = PlainLexer


PLAIN = {"BasicLexer": PlainLexer, "ContextualLexer": PlainContextualLexer}
