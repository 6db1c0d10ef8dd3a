"""Reports from records alone: tables, plots and one page. Nothing here trains, measures or imports torch."""

from para_former.reports.page import write_report

__all__ = ["write_report"]
