-- create_table
IF OBJECT_ID(N'[silver].[events]', N'U') IS NULL
BEGIN
CREATE TABLE [silver].[events] (
    [id] uniqueidentifier NULL,
    [at] time(3) NULL
);
CREATE CLUSTERED COLUMNSTORE INDEX [CCI_silver_events] ON [silver].[events];
END;

-- create_staging
DROP TABLE IF EXISTS [staging].[silver_events__20261120T231501_4f3a9c];
CREATE TABLE [staging].[silver_events__20261120T231501_4f3a9c] (
    [id] uniqueidentifier NULL,
    [at] time(3) NULL
);

-- create_held
DROP TABLE IF EXISTS [staging].[held_silver_events__20261120T231501_4f3a9c];
CREATE TABLE [staging].[held_silver_events__20261120T231501_4f3a9c] (
    [quarantine_id] nvarchar(100) NOT NULL,
    [load_id] nvarchar(64) NOT NULL,
    [quarantined_at] datetime2(3) NOT NULL,
    [source_file] nvarchar(400) NULL,
    [source_row] bigint NULL,
    [reasons] nvarchar(max) NOT NULL,
    [row_data] nvarchar(max) NOT NULL,
    [state] nvarchar(20) NOT NULL,
    [replay_load_id] nvarchar(64) NULL,
    [repairs] nvarchar(max) NULL
);

-- lay_whole
SET NOCOUNT ON;
DROP TABLE IF EXISTS [staging].[silver_events__whole_20261120T231501_4f3a9c];
SELECT [id], [at]
INTO [staging].[silver_events__whole_20261120T231501_4f3a9c]
FROM (
    SELECT
        [old].[id],
        CAST(NULL AS time(3)) AS [at]
    FROM [silver].[events] AS [old]
    UNION ALL
    SELECT [id], [at] FROM [staging].[silver_events__20261120T231501_4f3a9c]
) AS [whole];

-- create_aside
DROP TABLE IF EXISTS [staging].[silver_events__kept_20261120T231501_4f3a9c];
SELECT [id] INTO [staging].[silver_events__kept_20261120T231501_4f3a9c] FROM [silver].[events] WHERE [is_current] = 1;

-- create_back
INSERT INTO [silver].[events] ([id])
SELECT [id] FROM [staging].[silver_events__kept_20261120T231501_4f3a9c];
DROP TABLE [staging].[silver_events__kept_20261120T231501_4f3a9c];

-- lost
SELECT COALESCE(SUM([n]), 0) AS [lost]
FROM (
    SELECT SUM([side]) AS [n]
    FROM (
        SELECT [old].[id], CAST(1 AS bigint) AS [side]
        FROM [silver].[events] AS [old]
        WHERE 1 = 1
        UNION ALL
        SELECT [new].[id], CAST(-1 AS bigint) FROM [staging].[silver_events__20261120T231501_4f3a9c] AS [new]
    ) AS [either]
    GROUP BY [id]
    HAVING SUM([side]) > 0
) AS [gone];

-- count
SELECT COUNT_BIG(*) AS [row_count] FROM [staging].[silver_events__20261120T231501_4f3a9c];

-- publish
SET XACT_ABORT ON;
SET NOCOUNT ON;
SET LOCK_TIMEOUT 60000;
DECLARE @lock int, @inserted bigint = 0, @updated bigint = 0, @removed bigint = 0, @before bigint = 0,
    @unchanged bigint = 0, @closed bigint = 0, @quarantined bigint = 0, @total bigint;
BEGIN TRY
    BEGIN TRANSACTION;
    EXEC @lock = sys.sp_getapplock @Resource = N'medallion:silver.events', @LockMode = N'Exclusive',
        @LockOwner = N'Transaction', @LockTimeout = 60000;
    IF @lock < 0
        THROW 50001, N'another load is publishing silver.events', 1;
    SELECT @before = COUNT_BIG(*) FROM [silver].[events];
    UPDATE [earlier] SET [state] = N'superseded'
    FROM [quarantine].[silver_events] AS [earlier]
    WHERE [earlier].[state] = N'held' AND (1 = 0
        OR EXISTS (SELECT 1 FROM [staging].[silver_events__20261120T231501_4f3a9c] AS [load] WHERE TRY_CONVERT(uniqueidentifier, JSON_VALUE([earlier].[row_data], N'$."id"')) = [load].[id])
        OR EXISTS (SELECT 1 FROM [staging].[held_silver_events__20261120T231501_4f3a9c] AS [load] WHERE JSON_VALUE([earlier].[row_data], N'$."id"') = JSON_VALUE([load].[row_data], N'$."id"')));
    INSERT INTO [silver].[events] ([id], [at])
    SELECT [id], [at] FROM [staging].[silver_events__20261120T231501_4f3a9c];
    SET @inserted = ROWCOUNT_BIG();
    INSERT INTO [quarantine].[silver_events] ([quarantine_id], [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs])
    SELECT
        CONCAT([load_id], N'-', ROW_NUMBER() OVER (ORDER BY [source_file], [source_row], [row_data])),
        [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs]
    FROM [staging].[held_silver_events__20261120T231501_4f3a9c];
    SET @quarantined = ROWCOUNT_BIG();
    SELECT @total = COUNT_BIG(*) FROM [silver].[events];
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
DROP TABLE IF EXISTS [staging].[silver_events__20261120T231501_4f3a9c];
DROP TABLE IF EXISTS [staging].[held_silver_events__20261120T231501_4f3a9c];
