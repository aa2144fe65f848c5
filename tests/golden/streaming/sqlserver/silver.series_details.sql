-- create
IF OBJECT_ID(N'[silver].[series_details]', N'U') IS NULL
BEGIN
CREATE TABLE [silver].[series_details] (
    [content_id] nvarchar(20) NOT NULL,
    [seasons] int NULL,
    [avg_episode_duration] int NULL,
    [total_views] bigint NULL,
    [total_episodes] int NULL,
    CONSTRAINT [PK_silver_series_details] PRIMARY KEY CLUSTERED ([content_id])
);
END;

-- create staging
DROP TABLE IF EXISTS [staging].[silver_series_details__20260101T000000_abcdef];
CREATE TABLE [staging].[silver_series_details__20260101T000000_abcdef] (
    [content_id] nvarchar(20) NULL,
    [seasons] int NULL,
    [avg_episode_duration] int NULL,
    [total_views] bigint NULL,
    [total_episodes] int NULL
);

-- build
SET XACT_ABORT ON;
INSERT INTO [staging].[silver_series_details__20260101T000000_abcdef] WITH (TABLOCK) ([content_id], [seasons], [avg_episode_duration], [total_views], [total_episodes])
SELECT [content_id], [seasons], [avg_episode_duration], [total_views], [total_episodes]
FROM (
-- total_episodes is null, not 0, where the source lists no seasons: unknown is not none.
SELECT
    CAST(TRIM(c.content_id) AS nvarchar(20))   AS content_id,
    c.seasons                                  AS seasons,
    c.avg_episode_duration                     AS avg_episode_duration,
    c.total_views                              AS total_views,
    e.total_episodes                           AS total_episodes
FROM bronze.content AS c
LEFT JOIN (
    SELECT se.content_id, CAST(SUM(se.episode_count) AS int) AS total_episodes
    FROM silver.series_episodes AS se
    GROUP BY se.content_id
) AS e ON e.content_id = c.content_id
WHERE c.content_type = N'series'
) AS [built];

-- create quarantine
IF OBJECT_ID(N'[quarantine].[silver_series_details]', N'U') IS NULL
BEGIN
CREATE TABLE [quarantine].[silver_series_details] (
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
    CONSTRAINT [PK_quarantine_silver_series_details] PRIMARY KEY CLUSTERED ([quarantine_id])
);
END;

-- create held
DROP TABLE IF EXISTS [staging].[held_silver_series_details__20260101T000000_abcdef];
CREATE TABLE [staging].[held_silver_series_details__20260101T000000_abcdef] (
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

-- design
EXEC sys.sp_addextendedproperty N'MS_Description', N'What only series have', N'SCHEMA', N'silver', N'TABLE', N'series_details';

-- seal staging
SET XACT_ABORT ON;
ALTER TABLE [staging].[silver_series_details__20260101T000000_abcdef] ALTER COLUMN [content_id] nvarchar(20) NOT NULL;
ALTER TABLE [staging].[silver_series_details__20260101T000000_abcdef] ADD CONSTRAINT [PK_silver_series_details__20260101T000000_abcdef] PRIMARY KEY CLUSTERED ([content_id]);

-- publish
SET XACT_ABORT ON;
SET NOCOUNT ON;
SET LOCK_TIMEOUT 60000;
DECLARE @lock int, @inserted bigint = 0, @updated bigint = 0, @removed bigint = 0, @before bigint = 0,
    @unchanged bigint = 0, @closed bigint = 0, @quarantined bigint = 0, @total bigint;
BEGIN TRY
    BEGIN TRANSACTION;
    EXEC @lock = sys.sp_getapplock @Resource = N'medallion:silver.series_details', @LockMode = N'Exclusive',
        @LockOwner = N'Transaction', @LockTimeout = 60000;
    IF @lock < 0
        THROW 50001, N'another load is publishing silver.series_details', 1;
    UPDATE [quarantine].[silver_series_details] SET [state] = N'superseded' WHERE [state] = N'held';
    TRUNCATE TABLE [silver].[series_details];
    ALTER TABLE [staging].[silver_series_details__20260101T000000_abcdef] SWITCH TO [silver].[series_details];
    INSERT INTO [quarantine].[silver_series_details] ([quarantine_id], [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs])
    SELECT
        CONCAT([load_id], N'-', ROW_NUMBER() OVER (ORDER BY [source_file], [source_row], [row_data])),
        [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs]
    FROM [staging].[held_silver_series_details__20260101T000000_abcdef];
    SET @quarantined = ROWCOUNT_BIG();
    SELECT @total = COUNT_BIG(*) FROM [silver].[series_details];
    SET @inserted = @total;
    INSERT INTO [ops].[loads] ([table_name], [load_id], [number], [state], [strategy], [verdict], [logical_date], [started_at], [finished_at], [rows_read], [rows_filtered], [rows_staged], [rows_duplicate], [rows_quarantined], [rows_published], [rows_unchanged], [rows_removed], [rows_total], [seconds_load], [seconds_gate], [seconds_publish], [definition], [fingerprint], [inputs], [columns], [alias], [project], [declared], [error])
VALUES (N'silver.series_details', N'20260101T000000_abcdef', 0, N'published', N'replace', N'', CAST('2026-01-01' AS date), CAST('2026-01-01T00:00:00.000000' AS datetime2(6)), CAST('2026-01-01T00:00:00.000000' AS datetime2(6)), 0, 0, 0, 0, @quarantined, @inserted + @updated, @unchanged, @removed, @total, 0.0, 0.0, 0.0, N'010d210b3ec455af96aaf0d994242370', N'', N'{}', N'{"content_id": "nvarchar(20)", "seasons": "int", "avg_episode_duration": "int", "total_views": "bigint", "total_episodes": "int"}', NULL, N'video_streaming', N'{"key": ["content_id"], "load": "replace", "partition_by": null, "reading": "", "select": "7f73947f9c723c36", "suite": "e5ed0a540fd7e72e", "watermark": "", "watermark_is": ""}', NULL);
    COMMIT TRANSACTION;
END TRY
BEGIN CATCH
    IF XACT_STATE() <> 0 ROLLBACK TRANSACTION;
    THROW;
END CATCH;
SELECT @inserted AS [inserted], @updated AS [updated], @removed AS [removed], @before AS [before],
    @unchanged AS [unchanged], @closed AS [closed], @quarantined AS [quarantined], @total AS [total];

-- drop staging
DROP TABLE IF EXISTS [staging].[silver_series_details__20260101T000000_abcdef];
DROP TABLE IF EXISTS [staging].[held_silver_series_details__20260101T000000_abcdef];
