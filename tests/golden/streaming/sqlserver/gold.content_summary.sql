-- stage
EXEC sys.sp_executesql N'CREATE OR ALTER VIEW [staging].[gold_content_summary__20260101T000000_abcdef]
AS
SELECT [content_id], [title], [type], [release_year], [duration_minutes], [season_count], [episode_count], [genres]
FROM (
-- A movie has no seasons and no episodes: null, not 0, so that averages over series stay right.
SELECT
    c.content_id                        AS content_id,
    c.title                             AS title,
    c.content_type                      AS type,
    c.release_year                      AS release_year,
    c.duration_minutes                  AS duration_minutes,
    c.seasons                           AS season_count,
    c.total_episodes                    AS episode_count,
    CAST(g.genres AS nvarchar(400))     AS genres
FROM silver.content AS c
LEFT JOIN (
    SELECT cg.content_id, STRING_AGG(cg.genre, N'', '') WITHIN GROUP (ORDER BY cg.genre) AS genres
    FROM silver.content_genres AS cg
    GROUP BY cg.content_id
) AS g ON g.content_id = c.content_id
) AS [built];';

-- publish
SET XACT_ABORT ON;
SET NOCOUNT ON;
SET LOCK_TIMEOUT 60000;
DECLARE @lock int, @inserted bigint = 0, @updated bigint = 0, @removed bigint = 0, @before bigint = 0,
    @unchanged bigint = 0, @closed bigint = 0, @quarantined bigint = 0, @total bigint;
BEGIN TRY
    BEGIN TRANSACTION;
    EXEC @lock = sys.sp_getapplock @Resource = N'medallion:gold.content_summary', @LockMode = N'Exclusive',
        @LockOwner = N'Transaction', @LockTimeout = 60000;
    IF @lock < 0
        THROW 50001, N'another load is publishing gold.content_summary', 1;
    UPDATE [quarantine].[gold_content_summary] SET [state] = N'superseded' WHERE [state] = N'held';
    EXEC sys.sp_executesql N'CREATE OR ALTER VIEW [gold].[content_summary]
AS
SELECT [content_id], [title], [type], [release_year], [duration_minutes], [season_count], [episode_count], [genres]
FROM (
-- A movie has no seasons and no episodes: null, not 0, so that averages over series stay right.
SELECT
    c.content_id                        AS content_id,
    c.title                             AS title,
    c.content_type                      AS type,
    c.release_year                      AS release_year,
    c.duration_minutes                  AS duration_minutes,
    c.seasons                           AS season_count,
    c.total_episodes                    AS episode_count,
    CAST(g.genres AS nvarchar(400))     AS genres
FROM silver.content AS c
LEFT JOIN (
    SELECT cg.content_id, STRING_AGG(cg.genre, N'', '') WITHIN GROUP (ORDER BY cg.genre) AS genres
    FROM silver.content_genres AS cg
    GROUP BY cg.content_id
) AS g ON g.content_id = c.content_id
) AS [built];';
    SELECT @total = COUNT_BIG(*) FROM [gold].[content_summary];
    SET @inserted = @total;
    INSERT INTO [ops].[loads] ([table_name], [load_id], [number], [state], [strategy], [verdict], [logical_date], [started_at], [finished_at], [rows_read], [rows_filtered], [rows_staged], [rows_duplicate], [rows_quarantined], [rows_published], [rows_unchanged], [rows_removed], [rows_total], [seconds_load], [seconds_gate], [seconds_publish], [definition], [fingerprint], [inputs], [columns], [alias], [project], [declared], [error])
VALUES (N'gold.content_summary', N'20260101T000000_abcdef', 0, N'published', N'view', N'', CAST('2026-01-01' AS date), CAST('2026-01-01T00:00:00.000000' AS datetime2(6)), CAST('2026-01-01T00:00:00.000000' AS datetime2(6)), 0, 0, 0, 0, @quarantined, @inserted + @updated, @unchanged, @removed, @total, 0.0, 0.0, 0.0, N'41ba2c2f6dcd116a5533aa1b889e5505', N'', N'{}', N'{"content_id": "nvarchar(20)", "title": "nvarchar(200)", "type": "nvarchar(10)", "release_year": "int", "duration_minutes": "int", "season_count": "int", "episode_count": "int", "genres": "nvarchar(400)"}', NULL, N'video_streaming', N'{"key": ["content_id"], "load": "view", "partition_by": null, "reading": "", "select": "6870a5a030c17b98", "suite": "719476b2ec51daf4", "watermark": "", "watermark_is": ""}', NULL);
    COMMIT TRANSACTION;
END TRY
BEGIN CATCH
    IF XACT_STATE() <> 0 ROLLBACK TRANSACTION;
    THROW;
END CATCH;
SELECT @inserted AS [inserted], @updated AS [updated], @removed AS [removed], @before AS [before],
    @unchanged AS [unchanged], @closed AS [closed], @quarantined AS [quarantined], @total AS [total];

-- drop staging
DROP VIEW IF EXISTS [staging].[gold_content_summary__20260101T000000_abcdef];
DROP TABLE IF EXISTS [staging].[held_gold_content_summary__20260101T000000_abcdef];
