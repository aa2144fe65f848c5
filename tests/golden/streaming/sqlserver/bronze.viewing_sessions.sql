-- create
IF OBJECT_ID(N'[bronze].[viewing_sessions]', N'U') IS NULL
BEGIN
CREATE TABLE [bronze].[viewing_sessions] (
    [session_id] nvarchar(20) NOT NULL,
    [user_id] nvarchar(20) NULL,
    [content_id] nvarchar(20) NULL,
    [watch_date] date NULL,
    [watch_duration_minutes] int NULL,
    [completion_percentage] decimal(5,2) NULL,
    [device_type] nvarchar(40) NULL,
    [quality_level] nvarchar(10) NULL,
    [_loaded_at] datetime2(3) NOT NULL,
    [_source_file] nvarchar(400) NOT NULL,
    [_source_row] bigint NOT NULL,
    [_load_id] nvarchar(64) NOT NULL,
    CONSTRAINT [PK_bronze_viewing_sessions] PRIMARY KEY NONCLUSTERED ([session_id])
);
CREATE CLUSTERED COLUMNSTORE INDEX [CCI_bronze_viewing_sessions] ON [bronze].[viewing_sessions];
END;

-- create staging
DROP TABLE IF EXISTS [staging].[bronze_viewing_sessions__20260101T000000_abcdef];
CREATE TABLE [staging].[bronze_viewing_sessions__20260101T000000_abcdef] (
    [session_id] nvarchar(20) NULL,
    [user_id] nvarchar(20) NULL,
    [content_id] nvarchar(20) NULL,
    [watch_date] date NULL,
    [watch_duration_minutes] int NULL,
    [completion_percentage] decimal(5,2) NULL,
    [device_type] nvarchar(40) NULL,
    [quality_level] nvarchar(10) NULL,
    [_loaded_at] datetime2(3) NOT NULL,
    [_source_file] nvarchar(400) NOT NULL,
    [_source_row] bigint NOT NULL,
    [_load_id] nvarchar(64) NOT NULL
);

-- load
-- sessions is bulk-copied into staging

-- create quarantine
IF OBJECT_ID(N'[quarantine].[bronze_viewing_sessions]', N'U') IS NULL
BEGIN
CREATE TABLE [quarantine].[bronze_viewing_sessions] (
    [quarantine_id] nvarchar(100) NOT NULL,
    [load_id] nvarchar(64) NOT NULL,
    [quarantined_at] datetime2(3) NOT NULL,
    [source_file] nvarchar(400) NULL,
    [source_row] bigint NULL,
    [reasons] nvarchar(max) NOT NULL,
    [row_data] nvarchar(max) NOT NULL,
    [state] nvarchar(20) NOT NULL,
    [replay_load_id] nvarchar(64) NULL,
    [repairs] nvarchar(max) NULL,
    CONSTRAINT [PK_quarantine_bronze_viewing_sessions] PRIMARY KEY CLUSTERED ([quarantine_id])
);
END;

-- create held
DROP TABLE IF EXISTS [staging].[held_bronze_viewing_sessions__20260101T000000_abcdef];
CREATE TABLE [staging].[held_bronze_viewing_sessions__20260101T000000_abcdef] (
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

-- hold rows without a key
SET XACT_ABORT ON;
SET NOCOUNT ON;
DECLARE @held bigint, @moved bigint;
BEGIN TRY
    BEGIN TRANSACTION;
    INSERT INTO [staging].[held_bronze_viewing_sessions__20260101T000000_abcdef] WITH (TABLOCK) ([quarantine_id], [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs])
    SELECT
        N'',
        N'20260101T000000_abcdef',
        SYSUTCDATETIME(),
        [_source_file],
        [_source_row],
        N'[' + STUFF(CONCAT(CAST(N'' AS nvarchar(max)),
            CASE WHEN ([session_id] IS NULL) THEN N',"session_id: the key is empty"' END), 1, 1, N'') + N']',
        (SELECT [session_id], [user_id], [content_id], [watch_date], [watch_duration_minutes], [completion_percentage], [device_type], [quality_level] FOR JSON PATH, INCLUDE_NULL_VALUES, WITHOUT_ARRAY_WRAPPER),
        N'held',
        NULL,
        NULL
    FROM [staging].[bronze_viewing_sessions__20260101T000000_abcdef]
    WHERE ([session_id] IS NULL);
    SET @held = ROWCOUNT_BIG();
    DELETE FROM [staging].[bronze_viewing_sessions__20260101T000000_abcdef] WITH (TABLOCK)
    WHERE ([session_id] IS NULL);
    SET @moved = ROWCOUNT_BIG();
    IF @held <> @moved
        THROW 50003, N'rows held and rows removed differ in bronze.viewing_sessions', 1;
    COMMIT TRANSACTION;
END TRY
BEGIN CATCH
    IF XACT_STATE() <> 0 ROLLBACK TRANSACTION;
    THROW;
END CATCH;
SELECT @held AS [held];

-- settle keys
SET XACT_ABORT ON;
SET NOCOUNT ON;
DECLARE @lost bigint, @held bigint = 0, @dropped bigint = 0;
IF EXISTS (SELECT 1 FROM [staging].[bronze_viewing_sessions__20260101T000000_abcdef] GROUP BY [session_id] HAVING COUNT_BIG(*) > 1)
BEGIN TRY
    BEGIN TRANSACTION;
    SELECT TOP (0) [session_id], [user_id], [content_id], [watch_date], [watch_duration_minutes], [completion_percentage], [device_type], [quality_level], [_loaded_at], [_source_file], [_source_row], [_load_id] INTO [#lost] FROM [staging].[bronze_viewing_sessions__20260101T000000_abcdef];
    WITH [ranked] AS (
        SELECT [session_id], [user_id], [content_id], [watch_date], [watch_duration_minutes], [completion_percentage], [device_type], [quality_level], [_loaded_at], [_source_file], [_source_row], [_load_id],
            ROW_NUMBER() OVER (PARTITION BY [session_id] ORDER BY [_source_file] DESC, [_source_row] DESC) AS [rank]
        FROM [staging].[bronze_viewing_sessions__20260101T000000_abcdef] WITH (TABLOCK)
        WHERE [session_id] IS NOT NULL
    )
    DELETE FROM [ranked]
    OUTPUT [deleted].[session_id], [deleted].[user_id], [deleted].[content_id], [deleted].[watch_date], [deleted].[watch_duration_minutes], [deleted].[completion_percentage], [deleted].[device_type], [deleted].[quality_level], [deleted].[_loaded_at], [deleted].[_source_file], [deleted].[_source_row], [deleted].[_load_id] INTO [#lost] ([session_id], [user_id], [content_id], [watch_date], [watch_duration_minutes], [completion_percentage], [device_type], [quality_level], [_loaded_at], [_source_file], [_source_row], [_load_id])
    WHERE [rank] > 1;
    SET @lost = ROWCOUNT_BIG();
    INSERT INTO [staging].[held_bronze_viewing_sessions__20260101T000000_abcdef] WITH (TABLOCK) ([quarantine_id], [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs])
    SELECT
        N'',
        N'20260101T000000_abcdef',
        SYSUTCDATETIME(),
        [lost].[_source_file],
        [lost].[_source_row],
        N'["' + STRING_ESCAPE(CONCAT(N'session_id: the key stands again, with other values, in row ',
            [kept].[_source_row], N' of ', [kept].[_source_file]), 'json') + N'"]',
        (SELECT [lost].[session_id], [lost].[user_id], [lost].[content_id], [lost].[watch_date], [lost].[watch_duration_minutes], [lost].[completion_percentage], [lost].[device_type], [lost].[quality_level] FOR JSON PATH, INCLUDE_NULL_VALUES, WITHOUT_ARRAY_WRAPPER),
        N'held',
        NULL,
        NULL
    FROM [#lost] AS [lost]
    INNER JOIN [staging].[bronze_viewing_sessions__20260101T000000_abcdef] AS [kept] ON [kept].[session_id] = [lost].[session_id]
    WHERE EXISTS (SELECT CAST([lost].[session_id] AS varbinary(8000)), CAST([lost].[user_id] AS varbinary(8000)), CAST([lost].[content_id] AS varbinary(8000)), [lost].[watch_date], [lost].[watch_duration_minutes], [lost].[completion_percentage], CAST([lost].[device_type] AS varbinary(8000)), CAST([lost].[quality_level] AS varbinary(8000)) EXCEPT SELECT CAST([kept].[session_id] AS varbinary(8000)), CAST([kept].[user_id] AS varbinary(8000)), CAST([kept].[content_id] AS varbinary(8000)), [kept].[watch_date], [kept].[watch_duration_minutes], [kept].[completion_percentage], CAST([kept].[device_type] AS varbinary(8000)), CAST([kept].[quality_level] AS varbinary(8000)));
    SET @held = ROWCOUNT_BIG();
    SELECT @dropped = COUNT_BIG(*)
    FROM [#lost] AS [lost]
    INNER JOIN [staging].[bronze_viewing_sessions__20260101T000000_abcdef] AS [kept] ON [kept].[session_id] = [lost].[session_id]
    WHERE NOT EXISTS (SELECT CAST([lost].[session_id] AS varbinary(8000)), CAST([lost].[user_id] AS varbinary(8000)), CAST([lost].[content_id] AS varbinary(8000)), [lost].[watch_date], [lost].[watch_duration_minutes], [lost].[completion_percentage], CAST([lost].[device_type] AS varbinary(8000)), CAST([lost].[quality_level] AS varbinary(8000)) EXCEPT SELECT CAST([kept].[session_id] AS varbinary(8000)), CAST([kept].[user_id] AS varbinary(8000)), CAST([kept].[content_id] AS varbinary(8000)), [kept].[watch_date], [kept].[watch_duration_minutes], [kept].[completion_percentage], CAST([kept].[device_type] AS varbinary(8000)), CAST([kept].[quality_level] AS varbinary(8000)));
    IF @held + @dropped <> @lost
        THROW 50003, N'rows held or dropped and rows removed differ in bronze.viewing_sessions', 1;
    DROP TABLE [#lost];
    COMMIT TRANSACTION;
END TRY
BEGIN CATCH
    IF XACT_STATE() <> 0 ROLLBACK TRANSACTION;
    THROW;
END CATCH;
SELECT @dropped AS [dropped], @held AS [held];

-- design
EXEC sys.sp_addextendedproperty N'MS_Description', N'Viewing sessions as landed', N'SCHEMA', N'bronze', N'TABLE', N'viewing_sessions';

-- seal staging
SET XACT_ABORT ON;
ALTER TABLE [staging].[bronze_viewing_sessions__20260101T000000_abcdef] ALTER COLUMN [session_id] nvarchar(20) NOT NULL;
CREATE CLUSTERED COLUMNSTORE INDEX [CCI_bronze_viewing_sessions__20260101T000000_abcdef] ON [staging].[bronze_viewing_sessions__20260101T000000_abcdef];
ALTER TABLE [staging].[bronze_viewing_sessions__20260101T000000_abcdef] ADD CONSTRAINT [PK_bronze_viewing_sessions__20260101T000000_abcdef] PRIMARY KEY NONCLUSTERED ([session_id]);

-- publish
SET XACT_ABORT ON;
SET NOCOUNT ON;
SET LOCK_TIMEOUT 60000;
DECLARE @lock int, @inserted bigint = 0, @updated bigint = 0, @removed bigint = 0, @before bigint = 0,
    @unchanged bigint = 0, @closed bigint = 0, @quarantined bigint = 0, @total bigint;
BEGIN TRY
    BEGIN TRANSACTION;
    EXEC @lock = sys.sp_getapplock @Resource = N'medallion:bronze.viewing_sessions', @LockMode = N'Exclusive',
        @LockOwner = N'Transaction', @LockTimeout = 60000;
    IF @lock < 0
        THROW 50001, N'another load is publishing bronze.viewing_sessions', 1;
    UPDATE [quarantine].[bronze_viewing_sessions] SET [state] = N'superseded' WHERE [state] = N'held';
    TRUNCATE TABLE [bronze].[viewing_sessions];
    ALTER TABLE [staging].[bronze_viewing_sessions__20260101T000000_abcdef] SWITCH TO [bronze].[viewing_sessions];
    INSERT INTO [quarantine].[bronze_viewing_sessions] ([quarantine_id], [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs])
    SELECT
        CONCAT([load_id], N'-', ROW_NUMBER() OVER (ORDER BY [source_file], [source_row], [row_data])),
        [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs]
    FROM [staging].[held_bronze_viewing_sessions__20260101T000000_abcdef];
    SET @quarantined = ROWCOUNT_BIG();
    SELECT @total = COUNT_BIG(*) FROM [bronze].[viewing_sessions];
    SET @inserted = @total;
    INSERT INTO [ops].[loads] ([table_name], [load_id], [number], [state], [strategy], [verdict], [logical_date], [started_at], [finished_at], [rows_read], [rows_filtered], [rows_staged], [rows_duplicate], [rows_quarantined], [rows_published], [rows_unchanged], [rows_removed], [rows_total], [seconds_load], [seconds_gate], [seconds_publish], [definition], [fingerprint], [inputs], [columns], [alias], [project], [declared], [error])
VALUES (N'bronze.viewing_sessions', N'20260101T000000_abcdef', 0, N'published', N'replace', N'', CAST('2026-01-01' AS date), CAST('2026-01-01T00:00:00.000000' AS datetime2(6)), CAST('2026-01-01T00:00:00.000000' AS datetime2(6)), 0, 0, 0, 0, @quarantined, @inserted + @updated, @unchanged, @removed, @total, 0.0, 0.0, 0.0, N'99624aa4498ae23d1427f08c0f263f97', N'', N'{}', N'{"session_id": "nvarchar(20)", "user_id": "nvarchar(20)", "content_id": "nvarchar(20)", "watch_date": "date", "watch_duration_minutes": "int", "completion_percentage": "decimal(5,2)", "device_type": "nvarchar(40)", "quality_level": "nvarchar(10)"}', NULL, N'video_streaming', N'{"key": ["session_id"], "load": "replace", "partition_by": null, "reading": "a47f730f6491e166", "select": "e3b0c44298fc1c14", "suite": "5d4c6fd8b1ab2f3e", "watermark": "", "watermark_is": ""}', NULL);
    COMMIT TRANSACTION;
END TRY
BEGIN CATCH
    IF XACT_STATE() <> 0 ROLLBACK TRANSACTION;
    THROW;
END CATCH;
SELECT @inserted AS [inserted], @updated AS [updated], @removed AS [removed], @before AS [before],
    @unchanged AS [unchanged], @closed AS [closed], @quarantined AS [quarantined], @total AS [total];

-- drop staging
DROP TABLE IF EXISTS [staging].[bronze_viewing_sessions__20260101T000000_abcdef];
DROP TABLE IF EXISTS [staging].[held_bronze_viewing_sessions__20260101T000000_abcdef];
