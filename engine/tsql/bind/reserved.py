"""Names that SQL Server does not take: reserved words without brackets, empty ones and those that are too long."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from engine.core.errors import Problem
from engine.tsql.bind.typed import problem

LONGEST = 128
RESERVED = frozenset(
    """
    ADD ALL ALTER AND ANY AS ASC AUTHORIZATION BACKUP BEGIN BETWEEN BREAK BROWSE BULK BY CASCADE CASE CHECK CHECKPOINT
    CLOSE CLUSTERED COALESCE COLLATE COLUMN COMMIT COMPUTE CONSTRAINT CONTAINS CONTAINSTABLE CONTINUE CONVERT CREATE
    CROSS CURRENT CURRENT_DATE CURRENT_TIME CURRENT_TIMESTAMP CURRENT_USER CURSOR DATABASE DBCC DEALLOCATE DECLARE
    DEFAULT DELETE DENY DESC DISTINCT DISTRIBUTED DOUBLE DROP ELSE END ERRLVL ESCAPE EXCEPT EXEC EXECUTE EXISTS EXIT
    EXTERNAL FETCH FILE FILLFACTOR FOR FOREIGN FREETEXT FREETEXTTABLE FROM FULL FUNCTION GOTO GRANT GROUP HAVING
    HOLDLOCK IDENTITY IDENTITYCOL IDENTITY_INSERT IF IN INDEX INNER INSERT INTERSECT INTO IS JOIN KEY KILL LEFT LIKE
    LINENO MERGE NATIONAL NOCHECK NONCLUSTERED NOT NULL NULLIF OF OFF OFFSETS ON OPEN OPENDATASOURCE OPENQUERY
    OPENROWSET OPENXML OPTION OR ORDER OUTER OVER PERCENT PIVOT PLAN PRIMARY PRINT PROC PROCEDURE PUBLIC RAISERROR READ
    READTEXT RECONFIGURE REFERENCES REPLICATION RESTORE RESTRICT RETURN REVERT REVOKE RIGHT ROLLBACK ROWCOUNT ROWGUIDCOL
    RULE SAVE SCHEMA SELECT SEMANTICKEYPHRASETABLE SEMANTICSIMILARITYDETAILSTABLE SEMANTICSIMILARITYTABLE SESSION_USER
    SET SETUSER SHUTDOWN SOME STATISTICS SYSTEM_USER TABLE TABLESAMPLE TEXTSIZE THEN TO TOP TRAN TRANSACTION TRIGGER
    TRUNCATE TRY_CONVERT TSEQUAL UNION UNIQUE UNPIVOT UPDATE UPDATETEXT USE USER VALUES VARYING VIEW WAITFOR WHEN WHERE
    WHILE WITH WRITETEXT
    """.split()  # noqa: SIM905 - two hundred quoted words are harder to read
)
"""The words that SQL Server 2019 takes as a name only in brackets."""


def name_problems(tree: exp.Expr) -> Iterator[Problem]:
    """What is wrong with the names in a statement, each at its place."""
    for node in tree.find_all(exp.Identifier):
        name = node.name
        if not node.quoted and name.upper() in RESERVED:
            said = f"{name} is a reserved word of T-SQL, and a name only in brackets"
            yield problem(node, said, expected=f"[{name}]")
        elif not name:
            yield problem(node, "a name is empty", expected="1 to 128 characters in the brackets")
        elif len(name) > LONGEST:
            yield problem(node, f"the name {name[:40]}… has {len(name)} characters, SQL Server allows {LONGEST}")
