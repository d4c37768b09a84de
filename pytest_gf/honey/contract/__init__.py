"""The contract: what GloriousFlywheel promises, as data (contract.txt of the infrastructure repository is its prose)."""

from pytest_gf.honey.contract.load import ContractError, load
from pytest_gf.honey.contract.model import Bucket, Contract, Scratch, Stack

__all__ = ["Bucket", "Contract", "ContractError", "Scratch", "Stack", "load"]
