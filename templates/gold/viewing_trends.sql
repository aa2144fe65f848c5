SELECT
    DATEFROMPARTS(YEAR(s.watch_date), MONTH(s.watch_date), 1)       AS month,
    CAST(COUNT(*) AS int)                                           AS total_sessions,
    CAST(SUM(CAST(s.watch_duration_minutes AS bigint)) AS bigint)   AS total_minutes,
    CAST(AVG(s.completion_percentage) AS decimal(5,2))              AS avg_completion_percentage
FROM silver.all_viewing_sessions AS s
GROUP BY DATEFROMPARTS(YEAR(s.watch_date), MONTH(s.watch_date), 1)
