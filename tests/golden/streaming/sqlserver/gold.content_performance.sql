-- create
IF OBJECT_ID(N'[gold].[content_performance]', N'U') IS NULL
BEGIN
CREATE TABLE [gold].[content_performance] (
    [content_id] nvarchar(20) NOT NULL,
    [title] nvarchar(200) NULL,
    [genre] nvarchar(400) NULL,
    [content_type] nvarchar(10) NULL,
    [duration_minutes] int NULL,
    [release_year] int NULL,
    [rating] decimal(3,2) NULL,
    [production_budget] bigint NULL,
    [total_views] int NOT NULL,
    [unique_viewers] int NOT NULL,
    [avg_watch_time] decimal(9,3) NULL,
    [avg_completion_rate] decimal(5,2) NULL,
    [views_per_million_budget] decimal(18,2) NULL,
    [rating_category] nvarchar(20) NOT NULL,
    CONSTRAINT [PK_gold_content_performance] PRIMARY KEY CLUSTERED ([content_id])
);
END;

-- create staging
DROP TABLE IF EXISTS [staging].[gold_content_performance__20260101T000000_abcdef];
CREATE TABLE [staging].[gold_content_performance__20260101T000000_abcdef] (
    [content_id] nvarchar(20) NULL,
    [title] nvarchar(200) NULL,
    [genre] nvarchar(400) NULL,
    [content_type] nvarchar(10) NULL,
    [duration_minutes] int NULL,
    [release_year] int NULL,
    [rating] decimal(3,2) NULL,
    [production_budget] bigint NULL,
    [total_views] int NULL,
    [unique_viewers] int NULL,
    [avg_watch_time] decimal(9,3) NULL,
    [avg_completion_rate] decimal(5,2) NULL,
    [views_per_million_budget] decimal(18,2) NULL,
    [rating_category] nvarchar(20) NULL
);

-- build
SET XACT_ABORT ON;
-- Every title is here, watched or not: a title nobody watches is what this table should show.
WITH genres AS (
    SELECT g.content_id, STRING_AGG(g.genre, N', ') WITHIN GROUP (ORDER BY g.genre) AS genre
    FROM silver.content_genres AS g
    GROUP BY g.content_id
),
viewing AS (
    SELECT
        s.content_id,
        COUNT(*)                                                AS total_views,
        COUNT(DISTINCT s.user_id)                               AS unique_viewers,
        AVG(CAST(s.watch_duration_minutes AS decimal(9,2)))     AS avg_minutes,
        AVG(s.completion_percentage)                            AS avg_completion
    FROM silver.viewing_sessions AS s
    GROUP BY s.content_id
)
INSERT INTO [staging].[gold_content_performance__20260101T000000_abcdef] WITH (TABLOCK) ([content_id], [title], [genre], [content_type], [duration_minutes], [release_year], [rating], [production_budget], [total_views], [unique_viewers], [avg_watch_time], [avg_completion_rate], [views_per_million_budget], [rating_category])
SELECT [content_id], [title], [genre], [content_type], [duration_minutes], [release_year], [rating], [production_budget], [total_views], [unique_viewers], [avg_watch_time], [avg_completion_rate], [views_per_million_budget], [rating_category]
FROM (
SELECT
    c.content_id                                                AS content_id,
    c.title                                                     AS title,
    CAST(g.genre AS nvarchar(400))                              AS genre,
    c.content_type                                              AS content_type,
    c.duration_minutes                                          AS duration_minutes,
    c.release_year                                              AS release_year,
    c.rating                                                    AS rating,
    c.production_budget                                         AS production_budget,
    CAST(COALESCE(v.total_views, 0) AS int)                     AS total_views,
    CAST(COALESCE(v.unique_viewers, 0) AS int)                  AS unique_viewers,
    CAST(v.avg_minutes AS decimal(9,3))                         AS avg_watch_time,
    CAST(v.avg_completion AS decimal(5,2))                      AS avg_completion_rate,
    -- Views times a million over the budget, in decimals: dividing the budget first would lose digits.
    CAST(CASE
        WHEN c.production_budget > 0
        THEN CAST(COALESCE(v.total_views, 0) AS decimal(19,2)) * 1000000 / CAST(c.production_budget AS decimal(19,0))
        ELSE 0
    END AS decimal(18,2))                                       AS views_per_million_budget,
    CAST(CASE
        WHEN c.rating >= 4.5 THEN N'Excellent'
        WHEN c.rating >= 4.0 THEN N'Very Good'
        WHEN c.rating >= 3.5 THEN N'Good'
        WHEN c.rating >= 3.0 THEN N'Average'
        ELSE N'Below Average'
    END AS nvarchar(20))                                        AS rating_category
FROM silver.content AS c
LEFT JOIN genres AS g ON g.content_id = c.content_id
LEFT JOIN viewing AS v ON v.content_id = c.content_id
) AS [built];

-- create quarantine
IF OBJECT_ID(N'[quarantine].[gold_content_performance]', N'U') IS NULL
BEGIN
CREATE TABLE [quarantine].[gold_content_performance] (
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
    CONSTRAINT [PK_quarantine_gold_content_performance] PRIMARY KEY CLUSTERED ([quarantine_id])
);
END;

-- create held
DROP TABLE IF EXISTS [staging].[held_gold_content_performance__20260101T000000_abcdef];
CREATE TABLE [staging].[held_gold_content_performance__20260101T000000_abcdef] (
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
EXEC sys.sp_addextendedproperty N'MS_Description', N'How each title does among active users', N'SCHEMA', N'gold', N'TABLE', N'content_performance';

-- seal staging
SET XACT_ABORT ON;
ALTER TABLE [staging].[gold_content_performance__20260101T000000_abcdef] ALTER COLUMN [content_id] nvarchar(20) NOT NULL;
ALTER TABLE [staging].[gold_content_performance__20260101T000000_abcdef] ALTER COLUMN [total_views] int NOT NULL;
ALTER TABLE [staging].[gold_content_performance__20260101T000000_abcdef] ALTER COLUMN [unique_viewers] int NOT NULL;
ALTER TABLE [staging].[gold_content_performance__20260101T000000_abcdef] ALTER COLUMN [rating_category] nvarchar(20) NOT NULL;
ALTER TABLE [staging].[gold_content_performance__20260101T000000_abcdef] ADD CONSTRAINT [PK_gold_content_performance__20260101T000000_abcdef] PRIMARY KEY CLUSTERED ([content_id]);

-- publish
SET XACT_ABORT ON;
SET NOCOUNT ON;
SET LOCK_TIMEOUT 60000;
DECLARE @lock int, @inserted bigint = 0, @updated bigint = 0, @removed bigint = 0, @before bigint = 0,
    @unchanged bigint = 0, @closed bigint = 0, @quarantined bigint = 0, @total bigint;
BEGIN TRY
    BEGIN TRANSACTION;
    EXEC @lock = sys.sp_getapplock @Resource = N'medallion:gold.content_performance', @LockMode = N'Exclusive',
        @LockOwner = N'Transaction', @LockTimeout = 60000;
    IF @lock < 0
        THROW 50001, N'another load is publishing gold.content_performance', 1;
    UPDATE [quarantine].[gold_content_performance] SET [state] = N'superseded' WHERE [state] = N'held';
    TRUNCATE TABLE [gold].[content_performance];
    ALTER TABLE [staging].[gold_content_performance__20260101T000000_abcdef] SWITCH TO [gold].[content_performance];
    INSERT INTO [quarantine].[gold_content_performance] ([quarantine_id], [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs])
    SELECT
        CONCAT([load_id], N'-', ROW_NUMBER() OVER (ORDER BY [source_file], [source_row], [row_data])),
        [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs]
    FROM [staging].[held_gold_content_performance__20260101T000000_abcdef];
    SET @quarantined = ROWCOUNT_BIG();
    SELECT @total = COUNT_BIG(*) FROM [gold].[content_performance];
    SET @inserted = @total;
    INSERT INTO [ops].[loads] ([table_name], [load_id], [number], [state], [strategy], [verdict], [logical_date], [started_at], [finished_at], [rows_read], [rows_filtered], [rows_staged], [rows_duplicate], [rows_quarantined], [rows_published], [rows_unchanged], [rows_removed], [rows_total], [seconds_load], [seconds_gate], [seconds_publish], [definition], [fingerprint], [inputs], [columns], [alias], [project], [declared], [error])
VALUES (N'gold.content_performance', N'20260101T000000_abcdef', 0, N'published', N'replace', N'', CAST('2026-01-01' AS date), CAST('2026-01-01T00:00:00.000000' AS datetime2(6)), CAST('2026-01-01T00:00:00.000000' AS datetime2(6)), 0, 0, 0, 0, @quarantined, @inserted + @updated, @unchanged, @removed, @total, 0.0, 0.0, 0.0, N'a4ae2a2b2c45b35496e9759b02598b9a', N'', N'{}', N'{"content_id": "nvarchar(20)", "title": "nvarchar(200)", "genre": "nvarchar(400)", "content_type": "nvarchar(10)", "duration_minutes": "int", "release_year": "int", "rating": "decimal(3,2)", "production_budget": "bigint", "total_views": "int", "unique_viewers": "int", "avg_watch_time": "decimal(9,3)", "avg_completion_rate": "decimal(5,2)", "views_per_million_budget": "decimal(18,2)", "rating_category": "nvarchar(20)"}', N'dbo.gold_content_performance', N'video_streaming', N'{"key": ["content_id"], "load": "replace", "partition_by": null, "reading": "", "select": "70ac3d67e2d50ff7", "suite": "14ee488021106af6", "watermark": "", "watermark_is": ""}', NULL);
    COMMIT TRANSACTION;
END TRY
BEGIN CATCH
    IF XACT_STATE() <> 0 ROLLBACK TRANSACTION;
    THROW;
END CATCH;
SELECT @inserted AS [inserted], @updated AS [updated], @removed AS [removed], @before AS [before],
    @unchanged AS [unchanged], @closed AS [closed], @quarantined AS [quarantined], @total AS [total];

-- alias
EXEC sys.sp_executesql N'CREATE OR ALTER VIEW [dbo].[gold_content_performance]
AS
SELECT [content_id], [title], [genre], [content_type], [duration_minutes], [release_year], [rating], [production_budget], [total_views], [unique_viewers], [avg_watch_time], [avg_completion_rate], [views_per_million_budget], [rating_category]
FROM [gold].[content_performance];';

-- in the transaction of publish
IF DATABASE_PRINCIPAL_ID(N'data_analyst') IS NOT NULL
    GRANT SELECT ON OBJECT::[dbo].[gold_content_performance] TO [data_analyst];

-- drop staging
DROP TABLE IF EXISTS [staging].[gold_content_performance__20260101T000000_abcdef];
DROP TABLE IF EXISTS [staging].[held_gold_content_performance__20260101T000000_abcdef];
