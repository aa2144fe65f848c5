-- create
IF OBJECT_ID(N'[silver].[content]', N'U') IS NULL
BEGIN
CREATE TABLE [silver].[content] (
    [content_id] nvarchar(20) NOT NULL,
    [title] nvarchar(200) NULL,
    [content_type] nvarchar(10) NULL,
    [duration_minutes] int NULL,
    [release_year] int NULL,
    [rating] decimal(3,2) NULL,
    [production_budget] bigint NULL,
    [seasons] int NULL,
    [total_episodes] int NULL,
    CONSTRAINT [PK_silver_content] PRIMARY KEY CLUSTERED ([content_id])
);
END;

-- create staging
DROP TABLE IF EXISTS [staging].[silver_content__20260101T000000_abcdef];
CREATE TABLE [staging].[silver_content__20260101T000000_abcdef] (
    [content_id] nvarchar(20) NULL,
    [title] nvarchar(200) NULL,
    [content_type] nvarchar(10) NULL,
    [duration_minutes] int NULL,
    [release_year] int NULL,
    [rating] decimal(3,2) NULL,
    [production_budget] bigint NULL,
    [seasons] int NULL,
    [total_episodes] int NULL
);

-- build
SET XACT_ABORT ON;
INSERT INTO [staging].[silver_content__20260101T000000_abcdef] WITH (TABLOCK) ([content_id], [title], [content_type], [duration_minutes], [release_year], [rating], [production_budget], [seasons], [total_episodes])
SELECT [content_id], [title], [content_type], [duration_minutes], [release_year], [rating], [production_budget], [seasons], [total_episodes]
FROM (
-- A series lasts as long as one of its episodes; its number of episodes comes from the seasons' lists.
-- release_year stays null where the source has none (every series): a made-up year would skew reports.
SELECT
    CAST(TRIM(c.content_id) AS nvarchar(20))   AS content_id,
    CAST(TRIM(c.title) AS nvarchar(200))       AS title,
    CAST(TRIM(c.content_type) AS nvarchar(10)) AS content_type,
    CASE WHEN c.content_type = N'series' THEN c.avg_episode_duration ELSE c.duration_minutes END AS duration_minutes,
    c.release_year                             AS release_year,
    CAST(CASE
        WHEN c.rating < 0 THEN 0
        WHEN c.rating > 5 THEN 5
        ELSE c.rating
    END AS decimal(3,2))                       AS rating,
    c.production_budget                        AS production_budget,
    c.seasons                                  AS seasons,
    e.total_episodes                           AS total_episodes
FROM bronze.content AS c
LEFT JOIN (
    SELECT se.content_id, CAST(SUM(se.episode_count) AS int) AS total_episodes
    FROM silver.series_episodes AS se
    GROUP BY se.content_id
) AS e ON e.content_id = c.content_id
) AS [built];

-- create quarantine
IF OBJECT_ID(N'[quarantine].[silver_content]', N'U') IS NULL
BEGIN
CREATE TABLE [quarantine].[silver_content] (
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
    CONSTRAINT [PK_quarantine_silver_content] PRIMARY KEY CLUSTERED ([quarantine_id])
);
END;

-- create held
DROP TABLE IF EXISTS [staging].[held_silver_content__20260101T000000_abcdef];
CREATE TABLE [staging].[held_silver_content__20260101T000000_abcdef] (
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
EXEC sys.sp_addextendedproperty N'MS_Description', N'One row a title, movies and series alike', N'SCHEMA', N'silver', N'TABLE', N'content';

-- seal staging
SET XACT_ABORT ON;
ALTER TABLE [staging].[silver_content__20260101T000000_abcdef] ALTER COLUMN [content_id] nvarchar(20) NOT NULL;
ALTER TABLE [staging].[silver_content__20260101T000000_abcdef] ADD CONSTRAINT [PK_silver_content__20260101T000000_abcdef] PRIMARY KEY CLUSTERED ([content_id]);

-- publish
SET XACT_ABORT ON;
SET NOCOUNT ON;
SET LOCK_TIMEOUT 60000;
DECLARE @lock int, @inserted bigint = 0, @updated bigint = 0, @removed bigint = 0, @before bigint = 0,
    @unchanged bigint = 0, @closed bigint = 0, @quarantined bigint = 0, @total bigint;
BEGIN TRY
    BEGIN TRANSACTION;
    EXEC @lock = sys.sp_getapplock @Resource = N'medallion:silver.content', @LockMode = N'Exclusive',
        @LockOwner = N'Transaction', @LockTimeout = 60000;
    IF @lock < 0
        THROW 50001, N'another load is publishing silver.content', 1;
    UPDATE [quarantine].[silver_content] SET [state] = N'superseded' WHERE [state] = N'held';
    TRUNCATE TABLE [silver].[content];
    ALTER TABLE [staging].[silver_content__20260101T000000_abcdef] SWITCH TO [silver].[content];
    INSERT INTO [quarantine].[silver_content] ([quarantine_id], [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs])
    SELECT
        CONCAT([load_id], N'-', ROW_NUMBER() OVER (ORDER BY [source_file], [source_row], [row_data])),
        [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs]
    FROM [staging].[held_silver_content__20260101T000000_abcdef];
    SET @quarantined = ROWCOUNT_BIG();
    SELECT @total = COUNT_BIG(*) FROM [silver].[content];
    SET @inserted = @total;
    INSERT INTO [ops].[loads] ([table_name], [load_id], [number], [state], [strategy], [verdict], [logical_date], [started_at], [finished_at], [rows_read], [rows_filtered], [rows_staged], [rows_duplicate], [rows_quarantined], [rows_published], [rows_unchanged], [rows_removed], [rows_total], [seconds_load], [seconds_gate], [seconds_publish], [definition], [fingerprint], [inputs], [columns], [alias], [project], [declared], [error])
VALUES (N'silver.content', N'20260101T000000_abcdef', 0, N'published', N'replace', N'', CAST('2026-01-01' AS date), CAST('2026-01-01T00:00:00.000000' AS datetime2(6)), CAST('2026-01-01T00:00:00.000000' AS datetime2(6)), 0, 0, 0, 0, @quarantined, @inserted + @updated, @unchanged, @removed, @total, 0.0, 0.0, 0.0, N'553e7ecc5743d2ca20bdeb34f9e27d3d', N'', N'{}', N'{"content_id": "nvarchar(20)", "title": "nvarchar(200)", "content_type": "nvarchar(10)", "duration_minutes": "int", "release_year": "int", "rating": "decimal(3,2)", "production_budget": "bigint", "seasons": "int", "total_episodes": "int"}', N'dbo.silver_content', N'video_streaming', N'{"key": ["content_id"], "load": "replace", "partition_by": null, "reading": "", "select": "8d48ae6b25b726df", "suite": "908cbbdfcecef7f1", "watermark": "", "watermark_is": ""}', NULL);
    COMMIT TRANSACTION;
END TRY
BEGIN CATCH
    IF XACT_STATE() <> 0 ROLLBACK TRANSACTION;
    THROW;
END CATCH;
SELECT @inserted AS [inserted], @updated AS [updated], @removed AS [removed], @before AS [before],
    @unchanged AS [unchanged], @closed AS [closed], @quarantined AS [quarantined], @total AS [total];

-- alias
EXEC sys.sp_executesql N'CREATE OR ALTER VIEW [dbo].[silver_content]
AS
SELECT [content_id], [title], [content_type], [duration_minutes], [release_year], [rating], [production_budget], [seasons], [total_episodes]
FROM [silver].[content];';

-- drop staging
DROP TABLE IF EXISTS [staging].[silver_content__20260101T000000_abcdef];
DROP TABLE IF EXISTS [staging].[held_silver_content__20260101T000000_abcdef];
