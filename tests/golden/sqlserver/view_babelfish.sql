-- staging_view
IF OBJECT_ID(N'[staging].[gold_summary__20261120T231501_4f3a9c]', N'V') IS NOT NULL DROP VIEW [staging].[gold_summary__20261120T231501_4f3a9c];
EXEC sys.sp_executesql N'CREATE VIEW [staging].[gold_summary__20261120T231501_4f3a9c]
AS
SELECT [id], [title]
FROM (
SELECT id, name AS title FROM bronze.people
) AS [built];';

-- lost
SELECT COALESCE(SUM([n]), 0) AS [lost]
FROM (
    SELECT SUM([side]) AS [n]
    FROM (
        SELECT [old].[id], CAST(1 AS bigint) AS [side]
        FROM [gold].[summary] AS [old]
        WHERE 1 = 1
        UNION ALL
        SELECT [new].[id], CAST(-1 AS bigint) FROM [staging].[gold_summary__20261120T231501_4f3a9c] AS [new]
    ) AS [either]
    GROUP BY [id]
    HAVING SUM([side]) > 0
) AS [gone];

-- count
SELECT COUNT_BIG(*) AS [row_count] FROM [staging].[gold_summary__20261120T231501_4f3a9c];

-- publish
SET XACT_ABORT ON;
SET NOCOUNT ON;
SET LOCK_TIMEOUT 60000;
DECLARE @lock int, @inserted bigint = 0, @updated bigint = 0, @removed bigint = 0, @before bigint = 0,
    @unchanged bigint = 0, @closed bigint = 0, @quarantined bigint = 0, @total bigint;
BEGIN TRY
    BEGIN TRANSACTION;
    EXEC @lock = sys.sp_getapplock @Resource = N'medallion:gold.summary', @LockMode = N'Exclusive',
        @LockOwner = N'Transaction', @LockTimeout = 60000;
    IF @lock < 0
        THROW 50001, N'another load is publishing gold.summary', 1;
    UPDATE [quarantine].[gold_summary] SET [state] = N'superseded' WHERE [state] = N'held';
    IF OBJECT_ID(N'[gold].[summary]', N'V') IS NOT NULL DROP VIEW [gold].[summary];
EXEC sys.sp_executesql N'CREATE VIEW [gold].[summary]
AS
SELECT [id], [title]
FROM (
SELECT id, name AS title FROM bronze.people
) AS [built];';
    SELECT @total = COUNT_BIG(*) FROM [gold].[summary];
    SET @inserted = @total;
    INSERT INTO [ops].[loads] ([load_id], [rows_published]) VALUES (N'20261120T231501_4f3a9c', @inserted + @updated);
    COMMIT TRANSACTION;
END TRY
BEGIN CATCH
    IF XACT_STATE() <> 0 ROLLBACK TRANSACTION;
    THROW;
END CATCH;
SELECT @inserted AS [inserted], @updated AS [updated], @removed AS [removed], @before AS [before],
    @unchanged AS [unchanged], @closed AS [closed], @quarantined AS [quarantined], @total AS [total];

-- drop_staging
DROP VIEW IF EXISTS [staging].[gold_summary__20261120T231501_4f3a9c];
DROP TABLE IF EXISTS [staging].[held_gold_summary__20261120T231501_4f3a9c];
