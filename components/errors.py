"""The one error that a person can mend, and how it is told."""


class InputError(Exception):
    """Something given by the user is wrong; the command line exits with 2.

    Attributes:
        where: the file, and the key, row or field in it.
        problem: what is wrong there, in one sentence.
        fix: what to do about it, in one sentence.
    """

    def __init__(self, where: str, problem: str, fix: str) -> None:
        super().__init__(where, problem, fix)
        self.where = where
        self.problem = problem
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.where}: {self.problem}\n  fix: {self.fix}"
