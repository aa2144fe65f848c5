-- create
IF OBJECT_ID(N'[bronze].[content]', N'U') IS NULL
BEGIN
CREATE TABLE [bronze].[content] (
    [content_id] nvarchar(20) NOT NULL,
    [content_type] nvarchar(10) NULL,
    [title] nvarchar(200) NULL,
    [genre] nvarchar(4000) NULL,
    [rating] decimal(4,2) NULL,
    [production_budget] bigint NULL,
    [duration_minutes] int NULL,
    [release_year] int NULL,
    [views_count] bigint NULL,
    [seasons] int NULL,
    [episodes_per_season] nvarchar(4000) NULL,
    [avg_episode_duration] int NULL,
    [total_views] bigint NULL,
    [_loaded_at] datetime2(3) NOT NULL,
    [_source_file] nvarchar(400) NOT NULL,
    [_source_row] bigint NOT NULL,
    [_load_id] nvarchar(64) NOT NULL,
    CONSTRAINT [PK_bronze_content] PRIMARY KEY CLUSTERED ([content_id])
);
END;

-- create staging
DROP TABLE IF EXISTS [staging].[bronze_content__20260101T000000_abcdef];
CREATE TABLE [staging].[bronze_content__20260101T000000_abcdef] (
    [content_id] nvarchar(20) NULL,
    [content_type] nvarchar(10) NULL,
    [title] nvarchar(200) NULL,
    [genre] nvarchar(4000) NULL,
    [rating] decimal(4,2) NULL,
    [production_budget] bigint NULL,
    [duration_minutes] int NULL,
    [release_year] int NULL,
    [views_count] bigint NULL,
    [seasons] int NULL,
    [episodes_per_season] nvarchar(4000) NULL,
    [avg_episode_duration] int NULL,
    [total_views] bigint NULL,
    [_loaded_at] datetime2(3) NOT NULL,
    [_source_file] nvarchar(400) NOT NULL,
    [_source_row] bigint NOT NULL,
    [_load_id] nvarchar(64) NOT NULL
);

-- load
-- content is bulk-copied into staging

-- create quarantine
IF OBJECT_ID(N'[quarantine].[bronze_content]', N'U') IS NULL
BEGIN
CREATE TABLE [quarantine].[bronze_content] (
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
    CONSTRAINT [PK_quarantine_bronze_content] PRIMARY KEY CLUSTERED ([quarantine_id])
);
END;

-- create held
DROP TABLE IF EXISTS [staging].[held_bronze_content__20260101T000000_abcdef];
CREATE TABLE [staging].[held_bronze_content__20260101T000000_abcdef] (
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
    INSERT INTO [staging].[held_bronze_content__20260101T000000_abcdef] WITH (TABLOCK) ([quarantine_id], [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs])
    SELECT
        N'',
        N'20260101T000000_abcdef',
        SYSUTCDATETIME(),
        [_source_file],
        [_source_row],
        N'[' + STUFF(CONCAT(CAST(N'' AS nvarchar(max)),
            CASE WHEN ([content_id] IS NULL) THEN N',"content_id: the key is empty"' END), 1, 1, N'') + N']',
        (SELECT [content_id], [content_type], [title], [genre], [rating], [production_budget], [duration_minutes], [release_year], [views_count], [seasons], [episodes_per_season], [avg_episode_duration], [total_views] FOR JSON PATH, INCLUDE_NULL_VALUES, WITHOUT_ARRAY_WRAPPER),
        N'held',
        NULL,
        NULL
    FROM [staging].[bronze_content__20260101T000000_abcdef]
    WHERE ([content_id] IS NULL);
    SET @held = ROWCOUNT_BIG();
    DELETE FROM [staging].[bronze_content__20260101T000000_abcdef] WITH (TABLOCK)
    WHERE ([content_id] IS NULL);
    SET @moved = ROWCOUNT_BIG();
    IF @held <> @moved
        THROW 50003, N'rows held and rows removed differ in bronze.content', 1;
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
IF EXISTS (SELECT 1 FROM [staging].[bronze_content__20260101T000000_abcdef] GROUP BY [content_id] HAVING COUNT_BIG(*) > 1)
BEGIN TRY
    BEGIN TRANSACTION;
    SELECT TOP (0) [content_id], [content_type], [title], [genre], [rating], [production_budget], [duration_minutes], [release_year], [views_count], [seasons], [episodes_per_season], [avg_episode_duration], [total_views], [_loaded_at], [_source_file], [_source_row], [_load_id] INTO [#lost] FROM [staging].[bronze_content__20260101T000000_abcdef];
    WITH [ranked] AS (
        SELECT [content_id], [content_type], [title], [genre], [rating], [production_budget], [duration_minutes], [release_year], [views_count], [seasons], [episodes_per_season], [avg_episode_duration], [total_views], [_loaded_at], [_source_file], [_source_row], [_load_id],
            ROW_NUMBER() OVER (PARTITION BY [content_id] ORDER BY [_source_file] DESC, [_source_row] DESC) AS [rank]
        FROM [staging].[bronze_content__20260101T000000_abcdef] WITH (TABLOCK)
        WHERE [content_id] IS NOT NULL
    )
    DELETE FROM [ranked]
    OUTPUT [deleted].[content_id], [deleted].[content_type], [deleted].[title], [deleted].[genre], [deleted].[rating], [deleted].[production_budget], [deleted].[duration_minutes], [deleted].[release_year], [deleted].[views_count], [deleted].[seasons], [deleted].[episodes_per_season], [deleted].[avg_episode_duration], [deleted].[total_views], [deleted].[_loaded_at], [deleted].[_source_file], [deleted].[_source_row], [deleted].[_load_id] INTO [#lost] ([content_id], [content_type], [title], [genre], [rating], [production_budget], [duration_minutes], [release_year], [views_count], [seasons], [episodes_per_season], [avg_episode_duration], [total_views], [_loaded_at], [_source_file], [_source_row], [_load_id])
    WHERE [rank] > 1;
    SET @lost = ROWCOUNT_BIG();
    INSERT INTO [staging].[held_bronze_content__20260101T000000_abcdef] WITH (TABLOCK) ([quarantine_id], [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs])
    SELECT
        N'',
        N'20260101T000000_abcdef',
        SYSUTCDATETIME(),
        [lost].[_source_file],
        [lost].[_source_row],
        N'["' + STRING_ESCAPE(CONCAT(N'content_id: the key stands again, with other values, in row ',
            [kept].[_source_row], N' of ', [kept].[_source_file]), 'json') + N'"]',
        (SELECT [lost].[content_id], [lost].[content_type], [lost].[title], [lost].[genre], [lost].[rating], [lost].[production_budget], [lost].[duration_minutes], [lost].[release_year], [lost].[views_count], [lost].[seasons], [lost].[episodes_per_season], [lost].[avg_episode_duration], [lost].[total_views] FOR JSON PATH, INCLUDE_NULL_VALUES, WITHOUT_ARRAY_WRAPPER),
        N'held',
        NULL,
        NULL
    FROM [#lost] AS [lost]
    INNER JOIN [staging].[bronze_content__20260101T000000_abcdef] AS [kept] ON [kept].[content_id] = [lost].[content_id]
    WHERE EXISTS (SELECT CAST([lost].[content_id] AS varbinary(8000)), CAST([lost].[content_type] AS varbinary(8000)), CAST([lost].[title] AS varbinary(8000)), CAST([lost].[genre] AS varbinary(8000)), [lost].[rating], [lost].[production_budget], [lost].[duration_minutes], [lost].[release_year], [lost].[views_count], [lost].[seasons], CAST([lost].[episodes_per_season] AS varbinary(8000)), [lost].[avg_episode_duration], [lost].[total_views] EXCEPT SELECT CAST([kept].[content_id] AS varbinary(8000)), CAST([kept].[content_type] AS varbinary(8000)), CAST([kept].[title] AS varbinary(8000)), CAST([kept].[genre] AS varbinary(8000)), [kept].[rating], [kept].[production_budget], [kept].[duration_minutes], [kept].[release_year], [kept].[views_count], [kept].[seasons], CAST([kept].[episodes_per_season] AS varbinary(8000)), [kept].[avg_episode_duration], [kept].[total_views]);
    SET @held = ROWCOUNT_BIG();
    SELECT @dropped = COUNT_BIG(*)
    FROM [#lost] AS [lost]
    INNER JOIN [staging].[bronze_content__20260101T000000_abcdef] AS [kept] ON [kept].[content_id] = [lost].[content_id]
    WHERE NOT EXISTS (SELECT CAST([lost].[content_id] AS varbinary(8000)), CAST([lost].[content_type] AS varbinary(8000)), CAST([lost].[title] AS varbinary(8000)), CAST([lost].[genre] AS varbinary(8000)), [lost].[rating], [lost].[production_budget], [lost].[duration_minutes], [lost].[release_year], [lost].[views_count], [lost].[seasons], CAST([lost].[episodes_per_season] AS varbinary(8000)), [lost].[avg_episode_duration], [lost].[total_views] EXCEPT SELECT CAST([kept].[content_id] AS varbinary(8000)), CAST([kept].[content_type] AS varbinary(8000)), CAST([kept].[title] AS varbinary(8000)), CAST([kept].[genre] AS varbinary(8000)), [kept].[rating], [kept].[production_budget], [kept].[duration_minutes], [kept].[release_year], [kept].[views_count], [kept].[seasons], CAST([kept].[episodes_per_season] AS varbinary(8000)), [kept].[avg_episode_duration], [kept].[total_views]);
    IF @held + @dropped <> @lost
        THROW 50003, N'rows held or dropped and rows removed differ in bronze.content', 1;
    DROP TABLE [#lost];
    COMMIT TRANSACTION;
END TRY
BEGIN CATCH
    IF XACT_STATE() <> 0 ROLLBACK TRANSACTION;
    THROW;
END CATCH;
SELECT @dropped AS [dropped], @held AS [held];

-- design
EXEC sys.sp_addextendedproperty N'MS_Description', N'Movies and series as landed, nested lists kept as JSON', N'SCHEMA', N'bronze', N'TABLE', N'content';

-- seal staging
SET XACT_ABORT ON;
ALTER TABLE [staging].[bronze_content__20260101T000000_abcdef] ALTER COLUMN [content_id] nvarchar(20) NOT NULL;
ALTER TABLE [staging].[bronze_content__20260101T000000_abcdef] ADD CONSTRAINT [PK_bronze_content__20260101T000000_abcdef] PRIMARY KEY CLUSTERED ([content_id]);

-- publish
SET XACT_ABORT ON;
SET NOCOUNT ON;
SET LOCK_TIMEOUT 60000;
DECLARE @lock int, @inserted bigint = 0, @updated bigint = 0, @removed bigint = 0, @before bigint = 0,
    @unchanged bigint = 0, @closed bigint = 0, @quarantined bigint = 0, @total bigint;
BEGIN TRY
    BEGIN TRANSACTION;
    EXEC @lock = sys.sp_getapplock @Resource = N'medallion:bronze.content', @LockMode = N'Exclusive',
        @LockOwner = N'Transaction', @LockTimeout = 60000;
    IF @lock < 0
        THROW 50001, N'another load is publishing bronze.content', 1;
    UPDATE [quarantine].[bronze_content] SET [state] = N'superseded' WHERE [state] = N'held';
    TRUNCATE TABLE [bronze].[content];
    ALTER TABLE [staging].[bronze_content__20260101T000000_abcdef] SWITCH TO [bronze].[content];
    INSERT INTO [quarantine].[bronze_content] ([quarantine_id], [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs])
    SELECT
        CONCAT([load_id], N'-', ROW_NUMBER() OVER (ORDER BY [source_file], [source_row], [row_data])),
        [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs]
    FROM [staging].[held_bronze_content__20260101T000000_abcdef];
    SET @quarantined = ROWCOUNT_BIG();
    SELECT @total = COUNT_BIG(*) FROM [bronze].[content];
    SET @inserted = @total;
    INSERT INTO [ops].[loads] ([table_name], [load_id], [number], [state], [strategy], [verdict], [logical_date], [started_at], [finished_at], [rows_read], [rows_filtered], [rows_staged], [rows_duplicate], [rows_quarantined], [rows_published], [rows_unchanged], [rows_removed], [rows_total], [seconds_load], [seconds_gate], [seconds_publish], [definition], [fingerprint], [inputs], [columns], [alias], [project], [declared], [error])
VALUES (N'bronze.content', N'20260101T000000_abcdef', 0, N'published', N'replace', N'', CAST('2026-01-01' AS date), CAST('2026-01-01T00:00:00.000000' AS datetime2(6)), CAST('2026-01-01T00:00:00.000000' AS datetime2(6)), 0, 0, 0, 0, @quarantined, @inserted + @updated, @unchanged, @removed, @total, 0.0, 0.0, 0.0, N'e81c678d258db51c6d5b87905bb8b69e', N'', N'{}', N'{"content_id": "nvarchar(20)", "content_type": "nvarchar(10)", "title": "nvarchar(200)", "genre": "nvarchar(4000)", "rating": "decimal(4,2)", "production_budget": "bigint", "duration_minutes": "int", "release_year": "int", "views_count": "bigint", "seasons": "int", "episodes_per_season": "nvarchar(4000)", "avg_episode_duration": "int", "total_views": "bigint"}', NULL, N'video_streaming', N'{"key": ["content_id"], "load": "replace", "partition_by": null, "reading": "982af22671d9538d", "select": "e3b0c44298fc1c14", "suite": "826371338c04beea", "watermark": "", "watermark_is": ""}', NULL);
    COMMIT TRANSACTION;
END TRY
BEGIN CATCH
    IF XACT_STATE() <> 0 ROLLBACK TRANSACTION;
    THROW;
END CATCH;
SELECT @inserted AS [inserted], @updated AS [updated], @removed AS [removed], @before AS [before],
    @unchanged AS [unchanged], @closed AS [closed], @quarantined AS [quarantined], @total AS [total];

-- drop staging
DROP TABLE IF EXISTS [staging].[bronze_content__20260101T000000_abcdef];
DROP TABLE IF EXISTS [staging].[held_bronze_content__20260101T000000_abcdef];
