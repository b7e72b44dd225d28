"""Moving recordings through stages: the contract, bounded queues, overlap in threads, order, failure budget.

Nothing here knows a concrete stage; :mod:`narratrace.recipe` does.
"""

from narratrace.pipeline.budget import BudgetOptions, FailureBudget
from narratrace.pipeline.description import Hooks, Pipeline, Station
from narratrace.pipeline.execution import run_batch, run_through
from narratrace.pipeline.runner import Runner
from narratrace.pipeline.stage import Stage
from narratrace.pipeline.stats import PipelineStats, StationStats

__all__ = [
    "BudgetOptions",
    "FailureBudget",
    "Hooks",
    "Pipeline",
    "PipelineStats",
    "Runner",
    "Stage",
    "Station",
    "StationStats",
    "run_batch",
    "run_through",
]
