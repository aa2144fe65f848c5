-- create
IF OBJECT_ID(N'[silver].[series_episodes]', N'U') IS NULL
BEGIN
CREATE TABLE [silver].[series_episodes] (
    [content_id] nvarchar(20) NOT NULL,
    [season_number] int NOT NULL,
    [episode_count] int NULL,
    CONSTRAINT [PK_silver_series_episodes] PRIMARY KEY CLUSTERED ([content_id], [season_number])
);
END;

-- create staging
DROP TABLE IF EXISTS [staging].[silver_series_episodes__20260101T000000_abcdef];
CREATE TABLE [staging].[silver_series_episodes__20260101T000000_abcdef] (
    [content_id] nvarchar(20) NULL,
    [season_number] int NULL,
    [episode_count] int NULL
);

-- build
SET XACT_ABORT ON;
INSERT INTO [staging].[silver_series_episodes__20260101T000000_abcdef] WITH (TABLOCK) ([content_id], [season_number], [episode_count])
SELECT [content_id], [season_number], [episode_count]
FROM (
-- The list's position is the season: OPENJSON counts from 0, people from 1.
SELECT
    CAST(TRIM(c.content_id) AS nvarchar(20))   AS content_id,
    CAST(e.[key] AS int) + 1                   AS season_number,
    -- A count that is no number becomes NULL, which the suite holds back; the other seasons stay.
    TRY_CAST(e.[value] AS int)                 AS episode_count
FROM bronze.content AS c
CROSS APPLY OPENJSON(c.episodes_per_season) AS e
WHERE c.content_type = N'series'
) AS [built];

-- create quarantine
IF OBJECT_ID(N'[quarantine].[silver_series_episodes]', N'U') IS NULL
BEGIN
CREATE TABLE [quarantine].[silver_series_episodes] (
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
    CONSTRAINT [PK_quarantine_silver_series_episodes] PRIMARY KEY CLUSTERED ([quarantine_id])
);
END;

-- create held
DROP TABLE IF EXISTS [staging].[held_silver_series_episodes__20260101T000000_abcdef];
CREATE TABLE [staging].[held_silver_series_episodes__20260101T000000_abcdef] (
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
EXEC sys.sp_addextendedproperty N'MS_Description', N'One row a series and season', N'SCHEMA', N'silver', N'TABLE', N'series_episodes';

-- seal staging
SET XACT_ABORT ON;
ALTER TABLE [staging].[silver_series_episodes__20260101T000000_abcdef] ALTER COLUMN [content_id] nvarchar(20) NOT NULL;
ALTER TABLE [staging].[silver_series_episodes__20260101T000000_abcdef] ALTER COLUMN [season_number] int NOT NULL;
ALTER TABLE [staging].[silver_series_episodes__20260101T000000_abcdef] ADD CONSTRAINT [PK_silver_series_episodes__20260101T000000_abcdef] PRIMARY KEY CLUSTERED ([content_id], [season_number]);

-- publish
SET XACT_ABORT ON;
SET NOCOUNT ON;
SET LOCK_TIMEOUT 60000;
DECLARE @lock int, @inserted bigint = 0, @updated bigint = 0, @removed bigint = 0, @before bigint = 0,
    @unchanged bigint = 0, @closed bigint = 0, @quarantined bigint = 0, @total bigint;
BEGIN TRY
    BEGIN TRANSACTION;
    EXEC @lock = sys.sp_getapplock @Resource = N'medallion:silver.series_episodes', @LockMode = N'Exclusive',
        @LockOwner = N'Transaction', @LockTimeout = 60000;
    IF @lock < 0
        THROW 50001, N'another load is publishing silver.series_episodes', 1;
    UPDATE [quarantine].[silver_series_episodes] SET [state] = N'superseded' WHERE [state] = N'held';
    TRUNCATE TABLE [silver].[series_episodes];
    ALTER TABLE [staging].[silver_series_episodes__20260101T000000_abcdef] SWITCH TO [silver].[series_episodes];
    INSERT INTO [quarantine].[silver_series_episodes] ([quarantine_id], [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs])
    SELECT
        CONCAT([load_id], N'-', ROW_NUMBER() OVER (ORDER BY [source_file], [source_row], [row_data])),
        [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs]
    FROM [staging].[held_silver_series_episodes__20260101T000000_abcdef];
    SET @quarantined = ROWCOUNT_BIG();
    SELECT @total = COUNT_BIG(*) FROM [silver].[series_episodes];
    SET @inserted = @total;
    INSERT INTO [ops].[loads] ([table_name], [load_id], [number], [state], [strategy], [verdict], [logical_date], [started_at], [finished_at], [rows_read], [rows_filtered], [rows_staged], [rows_duplicate], [rows_quarantined], [rows_published], [rows_unchanged], [rows_removed], [rows_total], [seconds_load], [seconds_gate], [seconds_publish], [definition], [fingerprint], [inputs], [columns], [alias], [project], [declared], [error])
VALUES (N'silver.series_episodes', N'20260101T000000_abcdef', 0, N'published', N'replace', N'', CAST('2026-01-01' AS date), CAST('2026-01-01T00:00:00.000000' AS datetime2(6)), CAST('2026-01-01T00:00:00.000000' AS datetime2(6)), 0, 0, 0, 0, @quarantined, @inserted + @updated, @unchanged, @removed, @total, 0.0, 0.0, 0.0, N'234765151d598f7932c2b1bf8562e4de', N'', N'{}', N'{"content_id": "nvarchar(20)", "season_number": "int", "episode_count": "int"}', NULL, N'video_streaming', N'{"key": ["content_id", "season_number"], "load": "replace", "partition_by": null, "reading": "", "select": "a9094a7e756efd9e", "suite": "26ed42a576bdb85a", "watermark": "", "watermark_is": ""}', NULL);
    COMMIT TRANSACTION;
END TRY
BEGIN CATCH
    IF XACT_STATE() <> 0 ROLLBACK TRANSACTION;
    THROW;
END CATCH;
SELECT @inserted AS [inserted], @updated AS [updated], @removed AS [removed], @before AS [before],
    @unchanged AS [unchanged], @closed AS [closed], @quarantined AS [quarantined], @total AS [total];

-- drop staging
DROP TABLE IF EXISTS [staging].[silver_series_episodes__20260101T000000_abcdef];
DROP TABLE IF EXISTS [staging].[held_silver_series_episodes__20260101T000000_abcdef];
