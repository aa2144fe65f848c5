-- No WHERE on purpose: rows that break a rule go to quarantine by this table's suite, with the reason,
-- instead of vanishing here. An unknown device keeps its own name, so that the reason can show it.
SELECT
    CAST(TRIM(s.session_id) AS nvarchar(20))   AS session_id,
    CAST(TRIM(s.user_id) AS nvarchar(20))      AS user_id,
    CAST(TRIM(s.content_id) AS nvarchar(20))   AS content_id,
    s.watch_date                               AS watch_date,
    s.watch_duration_minutes                   AS watch_duration_minutes,
    s.completion_percentage                    AS completion_percentage,
    CAST(CASE TRIM(s.device_type)
        WHEN N'smart tv'       THEN N'Smart TV'
        WHEN N'smarttv'        THEN N'Smart TV'
        WHEN N'smart_tv'       THEN N'Smart TV'
        WHEN N'tv'             THEN N'Smart TV'
        WHEN N'mobile'         THEN N'Mobile'
        WHEN N'mobile phone'   THEN N'Mobile'
        WHEN N'smartphone'     THEN N'Mobile'
        WHEN N'phone'          THEN N'Mobile'
        WHEN N'desktop'        THEN N'Desktop'
        WHEN N'laptop'         THEN N'Desktop'
        WHEN N'pc'             THEN N'Desktop'
        WHEN N'computer'       THEN N'Desktop'
        WHEN N'tablet'         THEN N'Tablet'
        WHEN N'gaming console' THEN N'Gaming Console'
        WHEN N'gaming_console' THEN N'Gaming Console'
        WHEN N'game console'   THEN N'Gaming Console'
        WHEN N'console'        THEN N'Gaming Console'
        ELSE TRIM(s.device_type)
    END AS nvarchar(40))                       AS device_type,
    CAST(UPPER(TRIM(s.quality_level)) AS nvarchar(10)) AS quality_level
FROM bronze.viewing_sessions AS s
