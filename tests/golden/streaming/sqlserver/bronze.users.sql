-- create
IF OBJECT_ID(N'[bronze].[users]', N'U') IS NULL
BEGIN
CREATE TABLE [bronze].[users] (
    [user_id] nvarchar(20) NOT NULL,
    [age] int NULL,
    [country] nvarchar(60) NULL,
    [subscription_type] nvarchar(30) NULL,
    [registration_date] date NULL,
    [total_watch_time_hours] decimal(9,1) NULL,
    [_loaded_at] datetime2(3) NOT NULL,
    [_source_file] nvarchar(400) NOT NULL,
    [_source_row] bigint NOT NULL,
    [_load_id] nvarchar(64) NOT NULL,
    CONSTRAINT [PK_bronze_users] PRIMARY KEY CLUSTERED ([user_id])
);
END;

-- create staging
DROP TABLE IF EXISTS [staging].[bronze_users__20260101T000000_abcdef];
CREATE TABLE [staging].[bronze_users__20260101T000000_abcdef] (
    [user_id] nvarchar(20) NULL,
    [age] int NULL,
    [country] nvarchar(60) NULL,
    [subscription_type] nvarchar(30) NULL,
    [registration_date] date NULL,
    [total_watch_time_hours] decimal(9,1) NULL,
    [_loaded_at] datetime2(3) NOT NULL,
    [_source_file] nvarchar(400) NOT NULL,
    [_source_row] bigint NOT NULL,
    [_load_id] nvarchar(64) NOT NULL
);

-- load
-- users is bulk-copied into staging

-- create quarantine
IF OBJECT_ID(N'[quarantine].[bronze_users]', N'U') IS NULL
BEGIN
CREATE TABLE [quarantine].[bronze_users] (
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
    CONSTRAINT [PK_quarantine_bronze_users] PRIMARY KEY CLUSTERED ([quarantine_id])
);
END;

-- create held
DROP TABLE IF EXISTS [staging].[held_bronze_users__20260101T000000_abcdef];
CREATE TABLE [staging].[held_bronze_users__20260101T000000_abcdef] (
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
    INSERT INTO [staging].[held_bronze_users__20260101T000000_abcdef] WITH (TABLOCK) ([quarantine_id], [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs])
    SELECT
        N'',
        N'20260101T000000_abcdef',
        SYSUTCDATETIME(),
        [_source_file],
        [_source_row],
        N'[' + STUFF(CONCAT(CAST(N'' AS nvarchar(max)),
            CASE WHEN ([user_id] IS NULL) THEN N',"user_id: the key is empty"' END), 1, 1, N'') + N']',
        (SELECT [user_id], [age], [country], [subscription_type], [registration_date], [total_watch_time_hours] FOR JSON PATH, INCLUDE_NULL_VALUES, WITHOUT_ARRAY_WRAPPER),
        N'held',
        NULL,
        NULL
    FROM [staging].[bronze_users__20260101T000000_abcdef]
    WHERE ([user_id] IS NULL);
    SET @held = ROWCOUNT_BIG();
    DELETE FROM [staging].[bronze_users__20260101T000000_abcdef] WITH (TABLOCK)
    WHERE ([user_id] IS NULL);
    SET @moved = ROWCOUNT_BIG();
    IF @held <> @moved
        THROW 50003, N'rows held and rows removed differ in bronze.users', 1;
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
IF EXISTS (SELECT 1 FROM [staging].[bronze_users__20260101T000000_abcdef] GROUP BY [user_id] HAVING COUNT_BIG(*) > 1)
BEGIN TRY
    BEGIN TRANSACTION;
    SELECT TOP (0) [user_id], [age], [country], [subscription_type], [registration_date], [total_watch_time_hours], [_loaded_at], [_source_file], [_source_row], [_load_id] INTO [#lost] FROM [staging].[bronze_users__20260101T000000_abcdef];
    WITH [ranked] AS (
        SELECT [user_id], [age], [country], [subscription_type], [registration_date], [total_watch_time_hours], [_loaded_at], [_source_file], [_source_row], [_load_id],
            ROW_NUMBER() OVER (PARTITION BY [user_id] ORDER BY [_source_file] DESC, [_source_row] DESC) AS [rank]
        FROM [staging].[bronze_users__20260101T000000_abcdef] WITH (TABLOCK)
        WHERE [user_id] IS NOT NULL
    )
    DELETE FROM [ranked]
    OUTPUT [deleted].[user_id], [deleted].[age], [deleted].[country], [deleted].[subscription_type], [deleted].[registration_date], [deleted].[total_watch_time_hours], [deleted].[_loaded_at], [deleted].[_source_file], [deleted].[_source_row], [deleted].[_load_id] INTO [#lost] ([user_id], [age], [country], [subscription_type], [registration_date], [total_watch_time_hours], [_loaded_at], [_source_file], [_source_row], [_load_id])
    WHERE [rank] > 1;
    SET @lost = ROWCOUNT_BIG();
    INSERT INTO [staging].[held_bronze_users__20260101T000000_abcdef] WITH (TABLOCK) ([quarantine_id], [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs])
    SELECT
        N'',
        N'20260101T000000_abcdef',
        SYSUTCDATETIME(),
        [lost].[_source_file],
        [lost].[_source_row],
        N'["' + STRING_ESCAPE(CONCAT(N'user_id: the key stands again, with other values, in row ',
            [kept].[_source_row], N' of ', [kept].[_source_file]), 'json') + N'"]',
        (SELECT [lost].[user_id], [lost].[age], [lost].[country], [lost].[subscription_type], [lost].[registration_date], [lost].[total_watch_time_hours] FOR JSON PATH, INCLUDE_NULL_VALUES, WITHOUT_ARRAY_WRAPPER),
        N'held',
        NULL,
        NULL
    FROM [#lost] AS [lost]
    INNER JOIN [staging].[bronze_users__20260101T000000_abcdef] AS [kept] ON [kept].[user_id] = [lost].[user_id]
    WHERE EXISTS (SELECT CAST([lost].[user_id] AS varbinary(8000)), [lost].[age], CAST([lost].[country] AS varbinary(8000)), CAST([lost].[subscription_type] AS varbinary(8000)), [lost].[registration_date], [lost].[total_watch_time_hours] EXCEPT SELECT CAST([kept].[user_id] AS varbinary(8000)), [kept].[age], CAST([kept].[country] AS varbinary(8000)), CAST([kept].[subscription_type] AS varbinary(8000)), [kept].[registration_date], [kept].[total_watch_time_hours]);
    SET @held = ROWCOUNT_BIG();
    SELECT @dropped = COUNT_BIG(*)
    FROM [#lost] AS [lost]
    INNER JOIN [staging].[bronze_users__20260101T000000_abcdef] AS [kept] ON [kept].[user_id] = [lost].[user_id]
    WHERE NOT EXISTS (SELECT CAST([lost].[user_id] AS varbinary(8000)), [lost].[age], CAST([lost].[country] AS varbinary(8000)), CAST([lost].[subscription_type] AS varbinary(8000)), [lost].[registration_date], [lost].[total_watch_time_hours] EXCEPT SELECT CAST([kept].[user_id] AS varbinary(8000)), [kept].[age], CAST([kept].[country] AS varbinary(8000)), CAST([kept].[subscription_type] AS varbinary(8000)), [kept].[registration_date], [kept].[total_watch_time_hours]);
    IF @held + @dropped <> @lost
        THROW 50003, N'rows held or dropped and rows removed differ in bronze.users', 1;
    DROP TABLE [#lost];
    COMMIT TRANSACTION;
END TRY
BEGIN CATCH
    IF XACT_STATE() <> 0 ROLLBACK TRANSACTION;
    THROW;
END CATCH;
SELECT @dropped AS [dropped], @held AS [held];

-- design
EXEC sys.sp_addextendedproperty N'MS_Description', N'Subscribers as landed', N'SCHEMA', N'bronze', N'TABLE', N'users';

-- seal staging
SET XACT_ABORT ON;
ALTER TABLE [staging].[bronze_users__20260101T000000_abcdef] ALTER COLUMN [user_id] nvarchar(20) NOT NULL;
ALTER TABLE [staging].[bronze_users__20260101T000000_abcdef] ADD CONSTRAINT [PK_bronze_users__20260101T000000_abcdef] PRIMARY KEY CLUSTERED ([user_id]);

-- publish
SET XACT_ABORT ON;
SET NOCOUNT ON;
SET LOCK_TIMEOUT 60000;
DECLARE @lock int, @inserted bigint = 0, @updated bigint = 0, @removed bigint = 0, @before bigint = 0,
    @unchanged bigint = 0, @closed bigint = 0, @quarantined bigint = 0, @total bigint;
BEGIN TRY
    BEGIN TRANSACTION;
    EXEC @lock = sys.sp_getapplock @Resource = N'medallion:bronze.users', @LockMode = N'Exclusive',
        @LockOwner = N'Transaction', @LockTimeout = 60000;
    IF @lock < 0
        THROW 50001, N'another load is publishing bronze.users', 1;
    UPDATE [quarantine].[bronze_users] SET [state] = N'superseded' WHERE [state] = N'held';
    TRUNCATE TABLE [bronze].[users];
    ALTER TABLE [staging].[bronze_users__20260101T000000_abcdef] SWITCH TO [bronze].[users];
    INSERT INTO [quarantine].[bronze_users] ([quarantine_id], [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs])
    SELECT
        CONCAT([load_id], N'-', ROW_NUMBER() OVER (ORDER BY [source_file], [source_row], [row_data])),
        [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs]
    FROM [staging].[held_bronze_users__20260101T000000_abcdef];
    SET @quarantined = ROWCOUNT_BIG();
    SELECT @total = COUNT_BIG(*) FROM [bronze].[users];
    SET @inserted = @total;
    INSERT INTO [ops].[loads] ([table_name], [load_id], [number], [state], [strategy], [verdict], [logical_date], [started_at], [finished_at], [rows_read], [rows_filtered], [rows_staged], [rows_duplicate], [rows_quarantined], [rows_published], [rows_unchanged], [rows_removed], [rows_total], [seconds_load], [seconds_gate], [seconds_publish], [definition], [fingerprint], [inputs], [columns], [alias], [project], [declared], [error])
VALUES (N'bronze.users', N'20260101T000000_abcdef', 0, N'published', N'replace', N'', CAST('2026-01-01' AS date), CAST('2026-01-01T00:00:00.000000' AS datetime2(6)), CAST('2026-01-01T00:00:00.000000' AS datetime2(6)), 0, 0, 0, 0, @quarantined, @inserted + @updated, @unchanged, @removed, @total, 0.0, 0.0, 0.0, N'3be424e6f858e96e0d12f9c34042c233', N'', N'{}', N'{"user_id": "nvarchar(20)", "age": "int", "country": "nvarchar(60)", "subscription_type": "nvarchar(30)", "registration_date": "date", "total_watch_time_hours": "decimal(9,1)"}', NULL, N'video_streaming', N'{"key": ["user_id"], "load": "replace", "partition_by": null, "reading": "a47f730f6491e166", "select": "e3b0c44298fc1c14", "suite": "1d5ca0234f53c9a5", "watermark": "", "watermark_is": ""}', NULL);
    COMMIT TRANSACTION;
END TRY
BEGIN CATCH
    IF XACT_STATE() <> 0 ROLLBACK TRANSACTION;
    THROW;
END CATCH;
SELECT @inserted AS [inserted], @updated AS [updated], @removed AS [removed], @before AS [before],
    @unchanged AS [unchanged], @closed AS [closed], @quarantined AS [quarantined], @total AS [total];

-- drop staging
DROP TABLE IF EXISTS [staging].[bronze_users__20260101T000000_abcdef];
DROP TABLE IF EXISTS [staging].[held_bronze_users__20260101T000000_abcdef];
