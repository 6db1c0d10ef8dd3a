"""The paper's theory, executable: Eq. 1 to 9, degrees of freedom and Figure 6, on real networks (`docs/theory.md`)."""

from para_former.theory.contributions import branch_outputs, branch_study
from para_former.theory.decomposition import Decomposition, Term, decompose
from para_former.theory.freedom import affected_slots, degrees_of_freedom, expand
from para_former.theory.similarity import similarity_study
from para_former.theory.uat import Approximator, error_against_terms, fit

__all__ = [
    "Approximator",
    "Decomposition",
    "Term",
    "affected_slots",
    "branch_outputs",
    "branch_study",
    "decompose",
    "degrees_of_freedom",
    "error_against_terms",
    "expand",
    "fit",
    "similarity_study",
]
