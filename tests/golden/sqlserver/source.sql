-- create_table
IF OBJECT_ID(N'[bronze].[sessions]', N'U') IS NULL
BEGIN
CREATE TABLE [bronze].[sessions] (
    [id] bigint NOT NULL,
    [watched] date NULL,
    [minutes] int NULL,
    [device] nvarchar(40) NULL,
    [_loaded_at] datetime2(3) NOT NULL,
    [_source_file] nvarchar(400) NOT NULL,
    [_source_row] bigint NOT NULL,
    [_load_id] nvarchar(64) NOT NULL,
    CONSTRAINT [PK_bronze_sessions] PRIMARY KEY CLUSTERED ([id])
);
END;

-- create_staging
DROP TABLE IF EXISTS [staging].[bronze_sessions__20261120T231501_4f3a9c];
CREATE TABLE [staging].[bronze_sessions__20261120T231501_4f3a9c] (
    [id] bigint NULL,
    [watched] date NULL,
    [minutes] int NULL,
    [device] nvarchar(40) NULL,
    [_loaded_at] datetime2(3) NOT NULL,
    [_source_file] nvarchar(400) NOT NULL,
    [_source_row] bigint NOT NULL,
    [_load_id] nvarchar(64) NOT NULL
);

-- create_held
DROP TABLE IF EXISTS [staging].[held_bronze_sessions__20261120T231501_4f3a9c];
CREATE TABLE [staging].[held_bronze_sessions__20261120T231501_4f3a9c] (
    [quarantine_id] nvarchar(100) NOT NULL,
    [load_id] nvarchar(64) NOT NULL,
    [quarantined_at] datetime2(3) NOT NULL,
    [source_file] nvarchar(400) NULL,
    [source_row] bigint NULL,
    [reasons] nvarchar(max) NOT NULL,
    [row_data] nvarchar(max) NOT NULL,
    [state] nvarchar(20) NOT NULL,
    [replay_load_id] nvarchar(64) NULL
);

-- hold
SET XACT_ABORT ON;
SET NOCOUNT ON;
DECLARE @held bigint, @moved bigint;
BEGIN TRY
    BEGIN TRANSACTION;
    INSERT INTO [staging].[held_bronze_sessions__20261120T231501_4f3a9c] WITH (TABLOCK) ([quarantine_id], [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id])
    SELECT
        CONCAT(N'20261120T231501_4f3a9c', N'-', CONVERT(nvarchar(36), NEWID())),
        N'20261120T231501_4f3a9c',
        SYSUTCDATETIME(),
        [_source_file],
        [_source_row],
        N'[' + STUFF(CONCAT(CAST(N'' AS nvarchar(max)),
            CASE WHEN ([id] IS NULL) THEN N',"the key''s \"part\" isn''t there: [id] IS NULL"' END), 1, 1, N'') + N']',
        (SELECT [id], [watched], [minutes], [device] FOR JSON PATH, INCLUDE_NULL_VALUES, WITHOUT_ARRAY_WRAPPER),
        N'held',
        NULL
    FROM [staging].[bronze_sessions__20261120T231501_4f3a9c]
    WHERE ([id] IS NULL);
    SET @held = ROWCOUNT_BIG();
    DELETE FROM [staging].[bronze_sessions__20261120T231501_4f3a9c] WITH (TABLOCK)
    WHERE ([id] IS NULL);
    SET @moved = ROWCOUNT_BIG();
    IF @held <> @moved
        THROW 50003, N'rows held and rows removed differ in bronze.sessions', 1;
    COMMIT TRANSACTION;
END TRY
BEGIN CATCH
    IF XACT_STATE() <> 0 ROLLBACK TRANSACTION;
    THROW;
END CATCH;
SELECT @held AS [held];

-- dedupe
SET XACT_ABORT ON;
WITH [ranked] AS (
    SELECT ROW_NUMBER() OVER (PARTITION BY [id] ORDER BY [_load_id] DESC) AS [rank]
    FROM [staging].[bronze_sessions__20261120T231501_4f3a9c]
)
DELETE FROM [ranked] WHERE [rank] > 1;

-- dedupe_exact
SET XACT_ABORT ON;
WITH [ranked] AS (
    SELECT ROW_NUMBER() OVER (PARTITION BY [id], [watched], [minutes], [device] COLLATE Latin1_General_100_BIN2 ORDER BY [_source_file], [_source_row]) AS [rank]
    FROM [staging].[bronze_sessions__20261120T231501_4f3a9c]
)
DELETE FROM [ranked] WHERE [rank] > 1;

-- hold_losers
SET XACT_ABORT ON;
SET NOCOUNT ON;
DECLARE @held bigint, @moved bigint;
BEGIN TRY
    BEGIN TRANSACTION;
    INSERT INTO [staging].[held_bronze_sessions__20261120T231501_4f3a9c] WITH (TABLOCK) ([quarantine_id], [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id])
    SELECT
        CONCAT(N'20261120T231501_4f3a9c', N'-', CONVERT(nvarchar(36), NEWID())),
        N'20261120T231501_4f3a9c',
        SYSUTCDATETIME(),
        [_source_file],
        [_source_row],
        N'["a later row has this key"]',
        (SELECT [row].[id], [row].[watched], [row].[minutes], [row].[device] FOR JSON PATH, INCLUDE_NULL_VALUES, WITHOUT_ARRAY_WRAPPER),
        N'held',
        NULL
    FROM (
        SELECT [id], [watched], [minutes], [device], [_loaded_at], [_source_file], [_source_row], [_load_id],
            ROW_NUMBER() OVER (PARTITION BY [id] ORDER BY [_loaded_at] DESC, [_source_file] DESC, [_source_row] DESC) AS [rank]
        FROM [staging].[bronze_sessions__20261120T231501_4f3a9c]
    ) AS [row]
    WHERE [row].[rank] > 1;
    SET @held = ROWCOUNT_BIG();
    DELETE FROM [kept]
    FROM [staging].[bronze_sessions__20261120T231501_4f3a9c] AS [kept] WITH (TABLOCK)
    INNER JOIN (
        SELECT [_source_file], [_source_row],
            ROW_NUMBER() OVER (PARTITION BY [id] ORDER BY [_loaded_at] DESC, [_source_file] DESC, [_source_row] DESC) AS [rank]
        FROM [staging].[bronze_sessions__20261120T231501_4f3a9c]
    ) AS [ranked] ON [ranked].[_source_file] = [kept].[_source_file] AND [ranked].[_source_row] = [kept].[_source_row]
    WHERE [ranked].[rank] > 1;
    SET @moved = ROWCOUNT_BIG();
    IF @held <> @moved
        THROW 50003, N'rows held and rows removed differ in bronze.sessions', 1;
    COMMIT TRANSACTION;
END TRY
BEGIN CATCH
    IF XACT_STATE() <> 0 ROLLBACK TRANSACTION;
    THROW;
END CATCH;
SELECT @held AS [held];

-- seal
SET XACT_ABORT ON;
ALTER TABLE [staging].[bronze_sessions__20261120T231501_4f3a9c] ALTER COLUMN [id] bigint NOT NULL;
ALTER TABLE [staging].[bronze_sessions__20261120T231501_4f3a9c] ADD CONSTRAINT [PK_bronze_sessions__20261120T231501_4f3a9c] PRIMARY KEY CLUSTERED ([id]);

-- count
SELECT COUNT_BIG(*) AS [row_count] FROM [staging].[bronze_sessions__20261120T231501_4f3a9c];

-- publish
SET XACT_ABORT ON;
SET NOCOUNT ON;
SET LOCK_TIMEOUT 60000;
DECLARE @lock int, @inserted bigint = 0, @updated bigint = 0, @removed bigint = 0;
BEGIN TRY
    BEGIN TRANSACTION;
    EXEC @lock = sys.sp_getapplock @Resource = N'medallion:bronze.sessions', @LockMode = N'Exclusive',
        @LockOwner = N'Transaction', @LockTimeout = 60000;
    IF @lock < 0
        THROW 50001, N'another load is publishing bronze.sessions', 1;
    SELECT @inserted = COUNT_BIG(*) FROM [staging].[bronze_sessions__20261120T231501_4f3a9c];
    TRUNCATE TABLE [bronze].[sessions];
    ALTER TABLE [staging].[bronze_sessions__20261120T231501_4f3a9c] SWITCH TO [bronze].[sessions];
    UPDATE [quarantine].[bronze_sessions] SET [state] = N'superseded' WHERE [state] = N'held';
    INSERT INTO [quarantine].[bronze_sessions] ([quarantine_id], [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id])
    SELECT [quarantine_id], [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id] FROM [staging].[held_bronze_sessions__20261120T231501_4f3a9c];
    INSERT INTO [ops].[loads] ([load_id], [rows_published]) VALUES (N'20261120T231501_4f3a9c', @inserted + @updated);
    COMMIT TRANSACTION;
END TRY
BEGIN CATCH
    IF XACT_STATE() <> 0 ROLLBACK TRANSACTION;
    THROW;
END CATCH;
SELECT @inserted AS [inserted], @updated AS [updated], @removed AS [removed];

-- drop_staging
DROP TABLE IF EXISTS [staging].[bronze_sessions__20261120T231501_4f3a9c];
DROP TABLE IF EXISTS [staging].[held_bronze_sessions__20261120T231501_4f3a9c];
