-- create
IF OBJECT_ID(N'[gold].[genre_analytics]', N'U') IS NULL
BEGIN
CREATE TABLE [gold].[genre_analytics] (
    [genre] nvarchar(40) NOT NULL,
    [total_content_items] int NOT NULL,
    [total_views] int NOT NULL,
    [unique_viewers] int NOT NULL,
    [avg_production_budget] decimal(18,2) NULL,
    [total_investment] bigint NULL,
    [avg_genre_rating] decimal(4,3) NULL,
    [avg_content_duration] decimal(9,3) NULL,
    [avg_watch_time] decimal(9,3) NULL,
    CONSTRAINT [PK_gold_genre_analytics] PRIMARY KEY CLUSTERED ([genre])
);
END;

-- create staging
DROP TABLE IF EXISTS [staging].[gold_genre_analytics__20260101T000000_abcdef];
CREATE TABLE [staging].[gold_genre_analytics__20260101T000000_abcdef] (
    [genre] nvarchar(40) NULL,
    [total_content_items] int NULL,
    [total_views] int NULL,
    [unique_viewers] int NULL,
    [avg_production_budget] decimal(18,2) NULL,
    [total_investment] bigint NULL,
    [avg_genre_rating] decimal(4,3) NULL,
    [avg_content_duration] decimal(9,3) NULL,
    [avg_watch_time] decimal(9,3) NULL
);

-- build
SET XACT_ABORT ON;
-- A title counts in each of its genres. Catalogue figures are over titles (each budget once), viewing
-- figures over sessions; they are summed apart so that views do not multiply budgets.
WITH catalogue AS (
    SELECT
        g.genre,
        COUNT(*)                                                AS total_items,
        AVG(CAST(c.production_budget AS decimal(19,2)))         AS avg_budget,
        SUM(c.production_budget)                                AS total_investment,
        AVG(c.rating)                                           AS avg_rating,
        AVG(CAST(c.duration_minutes AS decimal(9,2)))           AS avg_duration
    FROM silver.content_genres AS g
    INNER JOIN silver.content AS c ON c.content_id = g.content_id
    GROUP BY g.genre
),
viewing AS (
    SELECT
        g.genre,
        COUNT(*)                                                AS total_views,
        COUNT(DISTINCT s.user_id)                               AS unique_viewers,
        AVG(CAST(s.watch_duration_minutes AS decimal(9,2)))     AS avg_minutes
    FROM silver.viewing_sessions AS s
    INNER JOIN silver.content_genres AS g ON g.content_id = s.content_id
    GROUP BY g.genre
)
INSERT INTO [staging].[gold_genre_analytics__20260101T000000_abcdef] WITH (TABLOCK) ([genre], [total_content_items], [total_views], [unique_viewers], [avg_production_budget], [total_investment], [avg_genre_rating], [avg_content_duration], [avg_watch_time])
SELECT [genre], [total_content_items], [total_views], [unique_viewers], [avg_production_budget], [total_investment], [avg_genre_rating], [avg_content_duration], [avg_watch_time]
FROM (
SELECT
    c.genre                                         AS genre,
    CAST(c.total_items AS int)                      AS total_content_items,
    CAST(COALESCE(v.total_views, 0) AS int)         AS total_views,
    CAST(COALESCE(v.unique_viewers, 0) AS int)      AS unique_viewers,
    CAST(c.avg_budget AS decimal(18,2))             AS avg_production_budget,
    CAST(c.total_investment AS bigint)              AS total_investment,
    CAST(c.avg_rating AS decimal(4,3))              AS avg_genre_rating,
    CAST(c.avg_duration AS decimal(9,3))            AS avg_content_duration,
    CAST(v.avg_minutes AS decimal(9,3))             AS avg_watch_time
FROM catalogue AS c
LEFT JOIN viewing AS v ON v.genre = c.genre
) AS [built];

-- create quarantine
IF OBJECT_ID(N'[quarantine].[gold_genre_analytics]', N'U') IS NULL
BEGIN
CREATE TABLE [quarantine].[gold_genre_analytics] (
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
    CONSTRAINT [PK_quarantine_gold_genre_analytics] PRIMARY KEY CLUSTERED ([quarantine_id])
);
END;

-- create held
DROP TABLE IF EXISTS [staging].[held_gold_genre_analytics__20260101T000000_abcdef];
CREATE TABLE [staging].[held_gold_genre_analytics__20260101T000000_abcdef] (
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
EXEC sys.sp_addextendedproperty N'MS_Description', N'Titles, budgets and viewing by genre', N'SCHEMA', N'gold', N'TABLE', N'genre_analytics';

-- seal staging
SET XACT_ABORT ON;
ALTER TABLE [staging].[gold_genre_analytics__20260101T000000_abcdef] ALTER COLUMN [genre] nvarchar(40) NOT NULL;
ALTER TABLE [staging].[gold_genre_analytics__20260101T000000_abcdef] ALTER COLUMN [total_content_items] int NOT NULL;
ALTER TABLE [staging].[gold_genre_analytics__20260101T000000_abcdef] ALTER COLUMN [total_views] int NOT NULL;
ALTER TABLE [staging].[gold_genre_analytics__20260101T000000_abcdef] ALTER COLUMN [unique_viewers] int NOT NULL;
ALTER TABLE [staging].[gold_genre_analytics__20260101T000000_abcdef] ADD CONSTRAINT [PK_gold_genre_analytics__20260101T000000_abcdef] PRIMARY KEY CLUSTERED ([genre]);

-- publish
SET XACT_ABORT ON;
SET NOCOUNT ON;
SET LOCK_TIMEOUT 60000;
DECLARE @lock int, @inserted bigint = 0, @updated bigint = 0, @removed bigint = 0, @before bigint = 0,
    @unchanged bigint = 0, @closed bigint = 0, @quarantined bigint = 0, @total bigint;
BEGIN TRY
    BEGIN TRANSACTION;
    EXEC @lock = sys.sp_getapplock @Resource = N'medallion:gold.genre_analytics', @LockMode = N'Exclusive',
        @LockOwner = N'Transaction', @LockTimeout = 60000;
    IF @lock < 0
        THROW 50001, N'another load is publishing gold.genre_analytics', 1;
    UPDATE [quarantine].[gold_genre_analytics] SET [state] = N'superseded' WHERE [state] = N'held';
    TRUNCATE TABLE [gold].[genre_analytics];
    ALTER TABLE [staging].[gold_genre_analytics__20260101T000000_abcdef] SWITCH TO [gold].[genre_analytics];
    INSERT INTO [quarantine].[gold_genre_analytics] ([quarantine_id], [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs])
    SELECT
        CONCAT([load_id], N'-', ROW_NUMBER() OVER (ORDER BY [source_file], [source_row], [row_data])),
        [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs]
    FROM [staging].[held_gold_genre_analytics__20260101T000000_abcdef];
    SET @quarantined = ROWCOUNT_BIG();
    SELECT @total = COUNT_BIG(*) FROM [gold].[genre_analytics];
    SET @inserted = @total;
    INSERT INTO [ops].[loads] ([table_name], [load_id], [number], [state], [strategy], [verdict], [logical_date], [started_at], [finished_at], [rows_read], [rows_filtered], [rows_staged], [rows_duplicate], [rows_quarantined], [rows_published], [rows_unchanged], [rows_removed], [rows_total], [seconds_load], [seconds_gate], [seconds_publish], [definition], [fingerprint], [inputs], [columns], [alias], [project], [declared], [error])
VALUES (N'gold.genre_analytics', N'20260101T000000_abcdef', 0, N'published', N'replace', N'', CAST('2026-01-01' AS date), CAST('2026-01-01T00:00:00.000000' AS datetime2(6)), CAST('2026-01-01T00:00:00.000000' AS datetime2(6)), 0, 0, 0, 0, @quarantined, @inserted + @updated, @unchanged, @removed, @total, 0.0, 0.0, 0.0, N'0ed21058c200eb48d0f16417a8e05a94', N'', N'{}', N'{"genre": "nvarchar(40)", "total_content_items": "int", "total_views": "int", "unique_viewers": "int", "avg_production_budget": "decimal(18,2)", "total_investment": "bigint", "avg_genre_rating": "decimal(4,3)", "avg_content_duration": "decimal(9,3)", "avg_watch_time": "decimal(9,3)"}', N'dbo.gold_genre_analytics', N'video_streaming', N'{"key": ["genre"], "load": "replace", "partition_by": null, "reading": "", "select": "87e7b1c7e5e6b32b", "suite": "e494b788366d1cc4", "watermark": "", "watermark_is": ""}', NULL);
    COMMIT TRANSACTION;
END TRY
BEGIN CATCH
    IF XACT_STATE() <> 0 ROLLBACK TRANSACTION;
    THROW;
END CATCH;
SELECT @inserted AS [inserted], @updated AS [updated], @removed AS [removed], @before AS [before],
    @unchanged AS [unchanged], @closed AS [closed], @quarantined AS [quarantined], @total AS [total];

-- alias
EXEC sys.sp_executesql N'CREATE OR ALTER VIEW [dbo].[gold_genre_analytics]
AS
SELECT [genre], [total_content_items], [total_views], [unique_viewers], [avg_production_budget], [total_investment], [avg_genre_rating], [avg_content_duration], [avg_watch_time]
FROM [gold].[genre_analytics];';

-- in the transaction of publish
IF DATABASE_PRINCIPAL_ID(N'data_analyst') IS NOT NULL
    GRANT SELECT ON OBJECT::[dbo].[gold_genre_analytics] TO [data_analyst];

-- drop staging
DROP TABLE IF EXISTS [staging].[gold_genre_analytics__20260101T000000_abcdef];
DROP TABLE IF EXISTS [staging].[held_gold_genre_analytics__20260101T000000_abcdef];
