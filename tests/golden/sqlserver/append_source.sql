-- create_table
IF OBJECT_ID(N'[bronze].[log]', N'U') IS NULL
BEGIN
CREATE TABLE [bronze].[log] (
    [line] nvarchar(max) NULL,
    [_loaded_at] datetime2(3) NOT NULL,
    [_source_file] nvarchar(400) NOT NULL,
    [_source_row] bigint NOT NULL,
    [_load_id] nvarchar(64) NOT NULL
);
END;

-- create_staging
DROP TABLE IF EXISTS [staging].[bronze_log__20261120T231501_4f3a9c];
CREATE TABLE [staging].[bronze_log__20261120T231501_4f3a9c] (
    [line] nvarchar(max) NULL,
    [_loaded_at] datetime2(3) NOT NULL,
    [_source_file] nvarchar(400) NOT NULL,
    [_source_row] bigint NOT NULL,
    [_load_id] nvarchar(64) NOT NULL
);

-- create_held
DROP TABLE IF EXISTS [staging].[held_bronze_log__20261120T231501_4f3a9c];
CREATE TABLE [staging].[held_bronze_log__20261120T231501_4f3a9c] (
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
DROP TABLE IF EXISTS [staging].[bronze_log__whole_20261120T231501_4f3a9c];
    DECLARE @files TABLE ([name] nvarchar(400) NOT NULL);
    INSERT INTO @files ([name]) VALUES (N'data/1.csv'), (N'data/it''s 100%.csv');
SELECT [line], [_loaded_at], [_source_file], [_source_row], [_load_id]
INTO [staging].[bronze_log__whole_20261120T231501_4f3a9c]
FROM (
    SELECT
        [old].[line],
        [old].[_loaded_at],
        [old].[_source_file],
        [old].[_source_row],
        CAST(NULL AS nvarchar(64)) AS [_load_id]
    FROM [bronze].[log] AS [old]
    WHERE [old].[_source_file] NOT IN (SELECT [name] FROM @files)
    UNION ALL
    SELECT [line], [_loaded_at], [_source_file], [_source_row], [_load_id] FROM [staging].[bronze_log__20261120T231501_4f3a9c]
) AS [whole];

-- create_aside
DROP TABLE IF EXISTS [staging].[bronze_log__kept_20261120T231501_4f3a9c];
SELECT [line], [_loaded_at], [_source_file], [_source_row] INTO [staging].[bronze_log__kept_20261120T231501_4f3a9c] FROM [bronze].[log] WHERE [is_current] = 1;

-- create_back
INSERT INTO [bronze].[log] ([line], [_loaded_at], [_source_file], [_source_row])
SELECT [line], [_loaded_at], [_source_file], [_source_row] FROM [staging].[bronze_log__kept_20261120T231501_4f3a9c];
DROP TABLE [staging].[bronze_log__kept_20261120T231501_4f3a9c];

-- lost
SELECT COALESCE(SUM([n]), 0) AS [lost]
FROM (
    SELECT SUM([side]) AS [n]
    FROM (
        SELECT [old].[line], [old].[_loaded_at], [old].[_source_file], [old].[_source_row], CAST(1 AS bigint) AS [side]
        FROM [bronze].[log] AS [old]
        WHERE 1 = 1
        UNION ALL
        SELECT [new].[line], [new].[_loaded_at], [new].[_source_file], [new].[_source_row], CAST(-1 AS bigint) FROM [staging].[bronze_log__20261120T231501_4f3a9c] AS [new]
    ) AS [either]
    GROUP BY [line], [_loaded_at], [_source_file], [_source_row]
    HAVING SUM([side]) > 0
) AS [gone];

-- lost_files
SELECT COALESCE(SUM([n]), 0) AS [lost]
FROM (
    SELECT SUM([side]) AS [n]
    FROM (
        SELECT [old].[_source_file], [old].[_source_row], CAST(1 AS bigint) AS [side]
        FROM [bronze].[log] AS [old]
        WHERE 1 = 1
            AND EXISTS (
                SELECT 1
                FROM (VALUES (N'a.csv'), (N'Bob''s.csv')) AS [again] ([name])
                WHERE [again].[name] = [old].[_source_file]
            )
        UNION ALL
        SELECT [new].[_source_file], [new].[_source_row], CAST(-1 AS bigint) FROM [staging].[bronze_log__20261120T231501_4f3a9c] AS [new]
    ) AS [either]
    GROUP BY [_source_file], [_source_row]
    HAVING SUM([side]) > 0
) AS [gone];

-- count
SELECT COUNT_BIG(*) AS [row_count] FROM [staging].[bronze_log__20261120T231501_4f3a9c];

-- publish
SET XACT_ABORT ON;
SET NOCOUNT ON;
SET LOCK_TIMEOUT 60000;
DECLARE @lock int, @inserted bigint = 0, @updated bigint = 0, @removed bigint = 0, @before bigint = 0,
    @unchanged bigint = 0, @closed bigint = 0, @quarantined bigint = 0, @total bigint;
BEGIN TRY
    BEGIN TRANSACTION;
    EXEC @lock = sys.sp_getapplock @Resource = N'medallion:bronze.log', @LockMode = N'Exclusive',
        @LockOwner = N'Transaction', @LockTimeout = 60000;
    IF @lock < 0
        THROW 50001, N'another load is publishing bronze.log', 1;
    SELECT @before = COUNT_BIG(*) FROM [bronze].[log];
    DECLARE @files TABLE ([name] nvarchar(400) NOT NULL);
    INSERT INTO @files ([name]) VALUES (N'data/1.csv'), (N'data/it''s 100%.csv');
    UPDATE [earlier] SET [state] = N'superseded'
    FROM [quarantine].[bronze_log] AS [earlier]
    WHERE [earlier].[state] = N'held' AND (1 = 0
        OR [earlier].[source_file] IN (SELECT [name] FROM @files));
    DELETE FROM [bronze].[log] WHERE [_source_file] IN (SELECT [name] FROM @files);
    SET @removed = ROWCOUNT_BIG();
    INSERT INTO [bronze].[log] ([line], [_loaded_at], [_source_file], [_source_row], [_load_id])
    SELECT [line], [_loaded_at], [_source_file], [_source_row], [_load_id] FROM [staging].[bronze_log__20261120T231501_4f3a9c];
    SET @inserted = ROWCOUNT_BIG();
    INSERT INTO [quarantine].[bronze_log] ([quarantine_id], [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs])
    SELECT
        CONCAT([load_id], N'-', ROW_NUMBER() OVER (ORDER BY [source_file], [source_row], [row_data])),
        [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs]
    FROM [staging].[held_bronze_log__20261120T231501_4f3a9c];
    SET @quarantined = ROWCOUNT_BIG();
    SELECT @total = COUNT_BIG(*) FROM [bronze].[log];
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
DROP TABLE IF EXISTS [staging].[bronze_log__20261120T231501_4f3a9c];
DROP TABLE IF EXISTS [staging].[held_bronze_log__20261120T231501_4f3a9c];
