"""Sums of words in symbols that do not commute: enough algebra to expand a branch of any depth on paper.

A symbol is a matrix, a vector or a sigma, and either moves with the image or does not. Products distribute over sums,
nothing else is simplified. What a network's numbers are is no concern here.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Symbol:
    """A parameter of the network, or the output of a sigma."""

    name: str
    varies: bool = False


@dataclass(frozen=True)
class Expression:
    """A sum of words, each a product of symbols from left to right; no words is zero, the empty word is one."""

    words: tuple[tuple[Symbol, ...], ...] = ()

    def __add__(self, other: "Expression") -> "Expression":
        return Expression(self.words + other.words)

    def __matmul__(self, other: "Expression") -> "Expression":
        return Expression(tuple(left + right for left in self.words for right in other.words))

    @property
    def varies(self) -> bool:
        """Whether any symbol moves with the image."""
        return any(symbol.varies for word in self.words for symbol in word)

    @property
    def combined(self) -> bool:
        """Whether it is made of several symbols, rather than being one parameter of the network as it stands."""
        return sum(map(len, self.words)) > 1

    def __str__(self) -> str:
        return " + ".join(" ".join(symbol.name for symbol in word) or "1" for word in self.words) or "0"


ZERO, ONE = Expression(), Expression(((),))


def symbol(name: str, varies: bool = False) -> Expression:
    """The expression that is one symbol."""
    return Expression(((Symbol(name, varies),),))
