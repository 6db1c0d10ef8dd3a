"""The paper's theory, executable: Eq. 1 to 9, degrees of freedom and Figure 6, on real networks."""

from para_former.theory.decomposition import Decomposition, Term, decompose

__all__ = ["Decomposition", "Term", "decompose"]
